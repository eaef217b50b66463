"""The options ``--cfg-options key=value`` of a command line, put into a config where they take effect."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator, Set
from difflib import get_close_matches
from typing import Any

from mmengine import registry as root
from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from mmdel.utils.derived import constructor_arguments
from mmdel.utils.errors import UserInputError

# The keys of a config that mmengine's runner and the tools read; any other is a variable of the file.
READ_KEYS = frozenset(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'} | {
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
}
# The registries that parts of a config are in.
KINDS = (
    *('MODELS', 'HOOKS', 'LOOPS', 'DATASETS', 'DATA_SAMPLERS', 'TRANSFORMS', 'METRICS', 'TASK_UTILS', 'OPTIMIZERS'),
    *('OPTIM_WRAPPERS', 'PARAM_SCHEDULERS', 'LOG_PROCESSORS', 'VISUALIZERS', 'VISBACKENDS'),
)
# What mmengine takes out of a part's config before it calls the constructor.
TAKEN_OUT = {'type', '_scope_', 'priority', 'constructor', 'paramwise_cfg', 'convert_to_iter_based'}


class ConfigOptions(DictAction):
    """mmengine's ``key=value`` pairs, with a message instead of a traceback for anything else."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        for pair in values:
            if '=' not in pair:
                parser.error(f'{option_string}: expected key=value, got {pair!r}')
        super().__call__(parser, namespace, values, option_string)


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Puts ``options``, by dotted keys, into ``cfg``.

    Raises:
        UserInputError: If an option would have no effect, since it is a variable of the config file, which was used up
            when the file was read, or a key that nothing reads; or if it does not fit the config.
    """
    for option in options:
        if option.split('.')[0] not in READ_KEYS:
            raise UserInputError(f'--cfg-options {option}: {_why_not_read(cfg, option)}')
    added = {option: keys for option in options if (keys := _first_missing(cfg, option.split('.')))}
    try:
        cfg.merge_from_dict(options)
    except (AttributeError, KeyError, TypeError) as error:
        raise UserInputError(f'--cfg-options does not fit {cfg.filename}: {error}') from error
    for option, keys in added.items():
        _check_added(cfg, option, keys)


def _why_not_read(cfg: Config, option: str) -> str:
    """Why an option of an unread key has no effect, and what has."""
    path = option.split('.')
    first, name = path[0], path[-1]
    if first not in cfg:
        return f'there is no such key{_nearest(first, READ_KEYS & cfg.keys())}'
    text = f'{first} is a variable of {cfg.filename}, and was used up when the file was read; '
    environment = re.search(rf'^{first} = .*{{{{\$(\w+):', cfg.text, re.MULTILINE)
    if environment:
        return text + f'set the environment variable {environment[1]}, or what it fills in'
    value = _lookup(cfg, path)
    places = [
        '.'.join(keys)
        for keys, other in _leaves({key: cfg[key] for key in READ_KEYS & cfg.keys()})
        if (other == value and (keys[-1] == name or name in keys[-1].split('_')))
        or (isinstance(value, str) and isinstance(other, str) and other.startswith(value))
    ]
    return text + f'set {", ".join(sorted(places)) or "the keys that it fills in"}'


def _check_added(cfg: Config, option: str, keys: list[str]) -> None:
    """Stops at a key that the config did not have and its part does not take, or which looks like one that it has."""
    part, key = _lookup(cfg, keys[:-1]), keys[-1]
    if key in TAKEN_OUT:
        return
    present = part.keys() - {key}
    if 'type' in part:
        cls = _class_of(part['type'])
        names, takes_any = constructor_arguments(cls)
        if cls is not None and key not in names and not takes_any:
            raise UserInputError(
                f'--cfg-options {option}: {cls.__name__} takes no {key!r}{_nearest(key, present | names)}'
            )
    elif nearest := _nearest(key, present):
        place = '.'.join(keys[:-1])
        raise UserInputError(
            f'--cfg-options {option}: {place} has no {key!r}{nearest} (a new key is written into a config file)'
        )


def _nearest(name: str, names: Set[str]) -> str:
    found = get_close_matches(name, sorted(names), cutoff=0.8)
    return f'; did you mean {" or ".join(found)}?' if found else ''


def _class_of(name: Any) -> Any:
    """The class that a part's ``type`` names in any registry, or None."""
    if not isinstance(name, str):
        return name
    return next((found for kind in KINDS if (found := getattr(root, kind).get(name)) is not None), None)


def _first_missing(cfg: Config, keys: list[str]) -> list[str] | None:
    """``keys`` up to the first that is new to a dict of the config below its top level."""
    for index in range(1, len(keys)):
        parent = _lookup(cfg, keys[:index])
        if isinstance(parent, dict) and keys[index] not in parent:
            return keys[: index + 1]
    return None


def _lookup(cfg: Config, keys: list[str]) -> Any:
    """What the config has at ``keys``, or None."""
    node: Any = cfg
    for key in keys:
        if isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        elif isinstance(node, dict | Config) and key in node:
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
