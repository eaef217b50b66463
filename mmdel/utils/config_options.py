"""The options ``--cfg-options key=value`` of a command line, put into a config where they take effect."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from mmdel.utils.errors import UserInputError
from mmdel.utils.names import nearest

if TYPE_CHECKING:  # not every command reads a config, and this takes seconds
    from mmengine.config import Config

MORE_KEYS = {
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
}


@cache
def read_keys() -> frozenset[str]:
    """The keys of a config that mmengine's runner and the tools read; any other is a variable of the file."""
    from mmengine.runner import Runner

    return frozenset(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'} | MORE_KEYS


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """What :func:`~mmdel.utils.command_line.load_config` needs besides a config."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        help='settings to override in the config, as key=value; lists as key=a,b, dicts as key="{\'a\': 1}"',
    )
    parser.set_defaults(launcher='none', work_dir=None, local_rank=0)


class ConfigOptions(argparse.Action):
    """Pairs ``key=value`` of a command line into a dict, see :func:`parse_value`; a later one counts."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        options = dict(getattr(namespace, self.dest, None) or {})
        for pair in values:
            key, equals, text = pair.partition('=')
            if not equals:
                parser.error(f'{option_string}: expected key=value, got {pair!r}')
            options[key] = parse_value(text)
        setattr(namespace, self.dest, options)


def parse_value(text: str) -> Any:
    """A value of a command line: what Python writes, in which words need no quotes.

    ``1e-3``, ``true``, ``None``, ``[visual, audio]`` or ``visual,audio``, ``(0.9, 1.0)``, ``{'type': 'mmdel.EMA'}``;
    all else is a text as it stands. mmengine's ``DictAction`` reads no dict, and takes the spaces out of a path.
    """
    text = text.strip()
    with suppress(SyntaxError, ValueError):
        items = ast.literal_eval(f'[{text}]')
        if text and isinstance(items, list) and _is_plain(items):
            return items if len(items) > 1 or text.endswith(',') else items[0]
    parts = _split(text)
    if len(parts) > 1:
        return [parse_value(part) for part in parts if part.strip()]
    if text[:1] + text[-1:] in ('[]', '()'):
        items = [parse_value(part) for part in _split(text[1:-1]) if part.strip()]
        return items if text[0] == '[' else tuple(items)
    if text.lower() in ('true', 'false'):
        return text.lower() == 'true'
    for number in (int, float):  # 007, and inf and nan, which Python does not write so
        with suppress(ValueError):
            return number(text)
    return text


def _split(text: str) -> list[str]:
    """A text at its commas outside of brackets and quotes."""
    parts, depth, quote = [''], 0, ''
    for char in text:
        if quote:
            quote = '' if char == quote else quote
        elif char in '\'"' and parts[-1].rstrip()[-1:] in ('', *'([{,:'):  # not that of "it's"
            quote = char
        else:
            depth += (char in '([{') - (char in ')]}')
        if char == ',' and not depth and not quote:
            parts.append('')
        else:
            parts[-1] += char
    return parts


def _is_plain(value: Any) -> bool:
    """Whether a value is what configs are made of."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str | int) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, str | int | float)


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Puts ``options``, by dotted keys, into ``cfg``.

    Raises:
        UserInputError: If an option would have no effect, since it is a variable of the config file, which was used up
            when the file was read, or a key that nothing reads; or if it does not fit the config.
    """
    for option in options:
        if option.split('.')[0] not in read_keys():
            raise UserInputError(f'--cfg-options {option}: {_why_not_read(cfg, option)}')
    try:
        cfg.merge_from_dict(options)
    except (AttributeError, KeyError, TypeError) as error:
        raise UserInputError(f'--cfg-options does not fit {cfg.filename}: {error}') from error


def _why_not_read(cfg: Config, option: str) -> str:
    """Why an option of an unread key has no effect, and what has."""
    path = option.split('.')
    first, name = path[0], path[-1]
    if first not in cfg:
        return f'there is no such key{nearest(first, read_keys() & cfg.keys())}'
    text = f'{first} is a variable of {cfg.filename}, and was used up when the file was read; '
    environment = re.search(rf'^{first} = .*{{{{\$(\w+):', cfg.text, re.MULTILINE)
    if environment:
        return text + f'set the environment variable {environment[1]}, or what it fills in'
    value = _lookup(cfg, path)
    places = [
        '.'.join(keys)
        for keys, other in _leaves({key: cfg[key] for key in read_keys() & cfg.keys()})
        if (other == value and (keys[-1] == name or name in keys[-1].split('_')))
        or (isinstance(value, str) and isinstance(other, str) and other.startswith(value))
    ]
    return text + f'set {", ".join(sorted(places)) or "the keys that it fills in"}'


def _lookup(cfg: Config, keys: list[str]) -> Any:
    """What the config has at ``keys``, or None."""
    node: Any = cfg
    for key in keys:
        if isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        elif hasattr(node, 'keys') and key in node:  # a dict, or the config itself
            node = node[key]
        else:
            return None
    return node


def _leaves(node: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All values of a nest of dicts and lists, the inner ones too, by their keys."""
    if keys:
        yield keys, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _leaves(child, (*keys, str(key)))
