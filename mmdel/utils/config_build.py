"""Parts of a config built for trial, without data and without memory for weights, to hear what they say."""

from __future__ import annotations

import math
import random
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from copy import deepcopy
from types import FrameType
from typing import Any

import numpy as np
import torch
from mmengine import registry as root
from mmengine.config import Config
from mmengine.dataset import DefaultSampler
from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from mmengine.registry import build_from_cfg
from torch import nn
from torch.utils.data import DataLoader

from mmdel.utils.config_parts import TAKEN_OUT, TAKEN_OUT_OF, Part, class_of
from mmdel.utils.config_relations import get
from mmdel.utils.config_values import is_known
from mmdel.utils.derived import constructor_arguments
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import nearest
from mmdel.utils.prepare_config import WORKER_OPTIONS

MISTAKES = (AssertionError, AttributeError, ImportError, KeyError, RuntimeError, TypeError, ValueError)
UNREAD = dict(pipeline=[], lazy_init=True)  # of a data set


def try_part(part: Part, cfg: Mapping[str, Any]) -> Any:
    """What the config of a part becomes; None where that cannot be known without data or other packages.

    Raises:
        UserInputError: What its constructor says, with the dotted path of the key that it is about.
    """
    if not _is_tried(part):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # what is built for real says it again
            return _build(part.kind, part.options, cfg)
    except NotImplementedError:  # what the meta device says where a value is read
        return None
    except MISTAKES as error:
        raise UserInputError(_explain(part, error, lambda options: _build(part.kind, options, cfg))) from error


@contextmanager
def told_by_place(cfg: Config) -> Iterator[None]:
    """Errors of constructors that mmengine calls meanwhile name the part of ``cfg`` that they are about.

    Raises:
        UserInputError: Instead of an error that says that a value is wrong, and of one of the call itself: an unknown
            type, wrong arguments. Others may be faults of the part, and keep their traceback.
    """
    try:
        yield
    except UserInputError:
        raise
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        built = _built(error)
        of_call = _frames(error)[-1].f_code is build_from_cfg.__code__
        if not built or not (of_call or isinstance(error, AssertionError | ValueError)):
            raise
        place = _find(cfg.to_dict(), '', built[-1])
        raise UserInputError(f'{place or built[-1].get("type")}: {_text(error)}') from error


def _is_tried(part: Part) -> bool:
    """Whether it can be built without a file, a device, or an effect of packages that are not known."""
    if part.kind in ('LOOPS', 'OPTIM_WRAPPERS', 'VISUALIZERS', 'VISBACKENDS', 'EVALUATOR', 'TASK_UTILS', 'FUNCTIONS'):
        return False
    if part.kind == 'MODELS':
        return '.' not in part.path and all(map(is_known, _classes(part.options)))
    if part.kind == 'DATASETS':
        return getattr(part.cls, '__module__', '').startswith('mmdel.')
    named = any('file' in key for key, value in part.options.items() if value is not None)
    return is_known(part.cls) and not named


def _classes(options: Any) -> Iterator[Any]:
    """The classes of a model and of its parts at any depth, as far as they can be found."""
    if isinstance(options, Mapping):
        found = (class_of(kind, options.get('type')) for kind in ('MODELS', 'TASK_UTILS'))
        yield from (cls for cls in found if cls is not None)
        options = list(options.values())
    for child in options if isinstance(options, list | tuple) else ():
        yield from _classes(child)


def _build(kind: str, options: Mapping[str, Any], cfg: Mapping[str, Any]) -> Any:
    """An object of a part's config, with what mmengine's runner would give to it."""
    options = deepcopy(dict(options))
    if not kind:
        return _build_loader(options)
    if kind == 'MODELS':
        with _unchanged_randomness(), torch.device('meta'):
            return root.MODELS.build(options)
    if kind == 'DATASETS':
        return root.DATASETS.build({**options, **UNREAD})
    if kind == 'HOOKS':
        hook = root.HOOKS.build({key: value for key, value in options.items() if key != 'priority'})
        if isinstance(hook, EMAHook):  # which keeps what it gets until the training starts
            root.MODELS.build(hook.ema_cfg, default_args=dict(model=nn.Identity()))
        return hook
    given: dict[str, Any] = {}
    registry: Any = getattr(root, kind)
    parameters = [nn.Parameter(torch.zeros(1))]
    if kind == 'OPTIMIZERS':
        given = dict(params=parameters)
    elif kind == 'DATA_SAMPLERS':
        names, _ = constructor_arguments(registry.get(options['type']))
        known = dict(dataset=[0], seed=0, sampler=DefaultSampler([0], seed=0), batch_size=1)
        given = {key: value for key, value in known.items() if key in names}
    elif kind == 'PARAM_SCHEDULERS':
        given = dict(optimizer=OptimWrapper(torch.optim.SGD(parameters, lr=1.0)), epoch_length=1000)
        last = get(cfg, 'train_cfg', 'max_epochs') or math.inf
        if 'end' not in options and last > options.get('begin', 0):  # else `prepare_config` leaves it out
            given['end'] = min(last, 10**9)
    return registry.build(options, default_args=given)


def _build_loader(options: Mapping[str, Any]) -> DataLoader:
    """A loader without data; one without workers gets none of their options, as in a training."""
    left_out = TAKEN_OUT | TAKEN_OUT_OF[''] | {'collate_fn', 'worker_init_fn'}
    if not options.get('num_workers'):
        left_out |= set(WORKER_OPTIONS)
    dataset: Any = [0]
    return DataLoader(dataset, **{key: value for key, value in options.items() if key not in left_out})


@contextmanager
def _unchanged_randomness() -> Iterator[None]:
    """Every generator of random numbers goes on as if nothing had been drawn."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _explain(part: Part, error: Exception, rebuild: Callable[[dict], Any]) -> str:
    """The message of an error, headed by the keys it is about, else by the innermost part it arose in.

    These are the keys that it names together with their values; else those of that part without which there would be no
    error; else the only one that has a value which the message speaks of.
    """
    built, text = _built(error), _text(error)
    words = {word.strip(".'") for word in re.findall(r"[\w.'-]+", text)}
    leaves = {keys: value for keys, value in _values(part.options) if keys[-1] not in ('type', '_scope_')}
    spoken = [
        keys
        for keys, value in leaves.items()
        if str(value) in (text if isinstance(value, list | tuple | Mapping) else words)
    ]
    matches = {keys: _match(keys, words) for keys in spoken}
    blamed = [keys for keys, length in matches.items() if 0 < length == max(matches.values())]
    place = (built and _find(part.options, '', built[-1])) or ''
    inside = tuple(place.split('.')) if place else ()
    own = [
        keys for keys in leaves if keys[: len(inside)] == inside and not _in_inner_part(part.options, keys, len(inside))
    ]
    blamed = blamed or [keys for keys in own if _mends(keys, part, error, rebuild)]
    blamed = blamed or [keys for keys in own if keys in spoken and not isinstance(leaves[keys], bool)]
    heads = [f'{part.path}.{".".join(keys)} = {leaves[keys]!r}' for keys in blamed]
    return f'{", ".join(heads) if 0 < len(heads) < 3 else f"{part.path}.{place}".rstrip(".")}: {text}'


def _match(keys: tuple[str, ...], words: Set[str]) -> int:
    """How many of the last keys a word of the message consists of."""
    return max((length for length in range(1, 1 + len(keys)) if '.'.join(keys[-length:]) in words), default=0)


def _mends(keys: tuple[str, ...], part: Part, error: Exception, rebuild: Callable[[dict], Any]) -> bool:
    """Whether the error goes away with a value, or gives way to one of another part."""
    try:
        rebuild(_without(part.options, keys))
    except (KeyError, NotImplementedError, TypeError):  # the value is needed
        return False
    except MISTAKES as other:
        old, new = _built(error), _built(other)
        return bool(old and new) and old[-1].get('type') != new[-1].get('type')
    return True


def _in_inner_part(options: Mapping[str, Any], keys: tuple[str, ...], depth: int) -> bool:
    """Whether the value at ``keys`` belongs to a part inside of the one at the first ``depth`` of them."""
    node: Any = options
    for index, key in enumerate(keys[:-1]):
        node = node[key]
        if index >= depth and 'type' in node:
            return True
    return False


def _text(error: Exception) -> str:
    """What an error says, with the argument that was meant where one is unknown."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text = text.split('. Please check whether')[0].strip().replace('\n', ' ') or type(error).__name__
    unexpected = re.match(r"([\w.]+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", text)
    if unexpected:
        name, key = unexpected.groups()
        cls = next((found for frame in _frames(error) if (found := _class_in(frame, name.split('.')[-1]))), None)
        return f'{name} takes no {key!r}{nearest(key, constructor_arguments(cls)[0]) if cls else ""}'
    return text if ' ' in text else f'{type(error).__name__}: {text}'


def _class_in(frame: FrameType, name: str) -> Any:
    """The class of a name that a frame of a call knows."""
    known = {**frame.f_globals, **frame.f_locals}
    return next((item for item in known.values() if isinstance(item, type) and item.__name__ == name), None)


def _frames(error: BaseException) -> list[FrameType]:
    """The frames of the calls that an error came through, the innermost last."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return frames


def _built(error: BaseException) -> list[dict]:
    """The configs that mmengine was building when an error arose, the innermost last."""
    return [frame.f_locals['cfg'] for frame in _frames(error) if frame.f_code is build_from_cfg.__code__]


def _find(node: Any, path: str, wanted: dict) -> str | None:
    """The dotted path of the config that ``wanted`` was made of, by what follows from other parts being added."""
    if isinstance(node, Mapping):
        if node.get('type') == wanted.get('type') and all(
            key in wanted and wanted[key] == value for key, value in node.items() if key not in ('type', 'pipeline')
        ):
            return path
        children: Any = node.items()
    else:
        children = enumerate(node) if isinstance(node, list | tuple) else ()
    found = (_find(child, f'{path}.{key}'.lstrip('.'), wanted) for key, child in children)
    return next((place for place in found if place is not None), None)


def _values(node: Mapping[str, Any], keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of a nest of dicts by their keys; the inner dicts too, but for parts."""
    for key, child in node.items():
        if not isinstance(child, Mapping) or 'type' not in child:
            yield (*keys, key), child
        if isinstance(child, Mapping):
            yield from _values(child, (*keys, key))


def _without(options: Mapping[str, Any], keys: tuple[str, ...]) -> dict:
    """``options`` less one value."""
    copy = deepcopy(dict(options))
    node: Any = copy
    for key in keys[:-1]:
        node = node[key]
    del node[keys[-1]]
    return copy
