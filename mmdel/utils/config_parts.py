"""The parts of a config: where they are, what class each is to become, and whether that takes what is given."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mmengine import registry as root
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

from mmdel.utils.config_values import (
    admits,
    argument_hints,
    describe,
    is_known,
    is_known_constructor,
    is_nan,
    takes_any_keyword,
)
from mmdel.utils.derived import constructor_arguments
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import nearest

# The registries that parts of a config are in, and what one of each is called.
KINDS = dict(
    MODELS='model part',
    TASK_UTILS='task module',
    DATASETS='data set',
    TRANSFORMS='transform',
    DATA_SAMPLERS='sampler',
    HOOKS='hook',
    LOOPS='loop',
    METRICS='metric',
    EVALUATOR='evaluator',
    OPTIM_WRAPPERS='optimizer wrapper',
    OPTIM_WRAPPER_CONSTRUCTORS='constructor of optimizers',
    OPTIMIZERS='optimizer',
    PARAM_SCHEDULERS='scheduler',
    LOG_PROCESSORS='log processor',
    VISUALIZERS='visualizer',
    VISBACKENDS='visualization backend',
    FUNCTIONS='function',
)
# What is built from the keys of these names, wherever they are; the second is for what has no type.
PLACES: dict[str, tuple[str, str | None]] = dict(
    model=('MODELS', None),
    train_cfg=('LOOPS', None),
    val_cfg=('LOOPS', 'ValLoop'),
    test_cfg=('LOOPS', 'TestLoop'),
    optim_wrapper=('OPTIM_WRAPPERS', 'OptimWrapper'),
    param_scheduler=('PARAM_SCHEDULERS', None),
    val_evaluator=('METRICS', None),
    test_evaluator=('METRICS', None),
    default_hooks=('HOOKS', None),
    custom_hooks=('HOOKS', None),
    log_processor=('LOG_PROCESSORS', 'LogProcessor'),
    visualizer=('VISUALIZERS', None),
)
INNER = dict(
    dataset='DATASETS',
    datasets='DATASETS',
    pipeline='TRANSFORMS',
    transforms='TRANSFORMS',
    sampler='DATA_SAMPLERS',
    batch_sampler='DATA_SAMPLERS',
    optimizer='OPTIMIZERS',
    vis_backends='VISBACKENDS',
    metrics='METRICS',
    worker_init_fn='FUNCTIONS',
    collate_fn='FUNCTIONS',
    **dict.fromkeys(('backbone', 'neck', 'head', 'localizer', 'data_preprocessor'), 'MODELS'),
    **dict.fromkeys(('classifier', 'regressor'), 'MODELS'),
)
# Where an argument of this name must lie, in whatever part: (lowest, highest).
RANGES = {
    **dict.fromkeys(('max_epochs', 'max_iters', 'val_interval', 'batch_size', 'prefetch_factor'), (1, math.inf)),
    'num_workers': (0, math.inf),
    'drop_path': (0, 1),
}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# What mmengine takes out of a part's config, or of one of a kind ('' is a loader), before it calls the constructor.
TAKEN_OUT = {'type', '_scope_'}
TAKEN_OUT_OF = {
    '': {'dataset', 'sampler', 'batch_sampler', 'num_batch_per_epoch', 'disable_subprocess_warning'},
    'HOOKS': {'priority'},
    'OPTIM_WRAPPERS': {'constructor', 'paramwise_cfg'},
    'PARAM_SCHEDULERS': {'convert_to_iter_based'},
}
# What mmengine's runner gives to loops itself.
GIVEN_TO_LOOPS = {'self', 'runner', 'dataloader', 'evaluator'}


@dataclass(frozen=True)
class Part:
    """A part of a config.

    Attributes:
        path: Its dotted path.
        kind: The name of the registry it is in.
        options: Its config.
        cls: The class it is to become; None where only its owner knows that.
    """

    path: str
    kind: str
    options: Mapping[str, Any]
    cls: Any


def find_parts(cfg: Mapping[str, Any]) -> Iterator[Part]:
    """All parts of a config that name their class or have one for want of another, the outer ones first.

    Raises:
        UserInputError: If there is no class of a name, or no part where one must be.
    """
    for key, (kind, default) in PLACES.items():
        if cfg.get(key) not in (None, {}):
            if key == 'train_cfg':
                default = 'EpochBasedTrainLoop' if _first(cfg[key], 'by_epoch', 'max_epochs') else 'IterBasedTrainLoop'
            if key == 'default_hooks':
                yield from _default_hooks(cfg[key])
            else:
                yield from _parts(key, cfg[key], kind, default)
    for key in LOADERS:
        loader = cfg.get(key)
        if loader is not None:
            if not isinstance(loader, Mapping):
                raise UserInputError(f'{key} is {loader!r}, expected a dict')
            yield Part(key, '', loader, DataLoader)
            yield from _inner(key, loader, '', DataLoader)


def class_of(kind: str, name: Any) -> Any:
    """The class of a name in a registry of mmengine, under the scope in use; None if there is none."""
    if not isinstance(name, str):
        return name if callable(name) else None
    scope = DefaultScope.get_current_instance()
    registry: Any = getattr(root, kind)
    with registry.switch_scope_and_registry(scope.scope_name if scope else None) as current:
        try:
            return current.get(name)
        except ImportError:  # mmaction 1.2 says that its functions are in a module that it has not
            return registry.get(name)
        except RuntimeError:  # what mmengine makes of an error in the look-up
            return None


def check_part(part: Part) -> None:
    """Stops at a key that the part's class does not take, and at a value of another kind than it is annotated.

    Raises:
        UserInputError: With the key's dotted path.
    """
    names, takes_any = constructor_arguments(part.cls)
    takes_any = takes_any or (not is_known(part.cls) and takes_any_keyword(part.cls.__init__))
    taken_out = TAKEN_OUT | TAKEN_OUT_OF.get(part.kind, set())
    if part.path == 'train_cfg' and 'type' not in part.options:
        taken_out |= {'by_epoch'}  # which chooses the type
    options = {key: value for key, value in part.options.items() if key not in taken_out}
    hints = argument_hints(part.cls)
    name = getattr(part.cls, '__name__', str(part.cls))
    for key, value in options.items():
        if key == '_delete_':
            raise UserInputError(f'{part.path}.{key}: there is nothing in the base that it could delete')
        if key not in names and not takes_any:
            raise UserInputError(f'{part.path}.{key}: {name} takes no {key!r}{nearest(key, names | {"_delete_"})}')
        if is_nan(value) or not (key not in hints or admits(hints[key], value) or is_default(part.cls, key, value)):
            expected = describe(hints[key]) if key in hints and not is_nan(value) else 'a number'
            raise UserInputError(f'{part.path}.{key} is {value!r}, expected {expected}')
        low, high = RANGES.get(key, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value <= high:
            expected = f'{low} or more' if high == math.inf else f'{low} to {high}'
            raise UserInputError(f'{part.path}.{key} is {value!r}, expected {expected}')
    if part.kind == 'LOOPS':
        needed = {
            key
            for key, parameter in inspect.signature(part.cls.__init__).parameters.items()
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        }
        for key in sorted(needed - GIVEN_TO_LOOPS - options.keys()):
            raise UserInputError(f'{part.path}.{key} is missing: {name} needs it')


def is_default(cls: Any, key: str, value: Any) -> bool:
    """Whether a value is the constructor's own default, which annotations often leave out when it is None."""
    parameter = inspect.signature(cls).parameters.get(key)
    return parameter is not None and value is parameter.default


def _parts(path: str, value: Any, kind: str, default: str | None = None, owner: Any = None) -> Iterator[Part]:
    """The parts of ``value``, which is one, or a list of them, with the class of the part around them."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _parts(f'{path}.{index}', item, kind, default, owner)
        return
    if not isinstance(value, Mapping):
        if value is not None and not callable(value) and kind:
            raise UserInputError(f'{path} is {value!r}, expected a dict of {a(KINDS[kind])}')
        return
    if kind == 'METRICS' and 'metrics' in value:
        kind, default = 'EVALUATOR', 'Evaluator'
    if kind == 'PARAM_SCHEDULERS' and 'type' not in value:  # those of several optimizers by name
        for key, schedulers in value.items():
            yield from _parts(f'{path}.{key}', schedulers, kind)
        return
    if kind == 'OPTIM_WRAPPERS' and not is_known_constructor(value.get('constructor')):
        default = None  # which knows what it makes
    name, cls = value.get('type', default), None
    if kind == 'MODELS' and not is_known(owner) and owner is not None and class_of(kind, name) is None:
        pass  # models of other packages may know names of their own, as mmaction's do `timm.…` and `torchvision.…`
    elif 'type' in value or default:
        cls = _require_class(path, name, kind)
        yield Part(path, kind, value, cls)
    elif kind and (kind != 'OPTIM_WRAPPERS' or is_known_constructor(value.get('constructor'))):
        raise UserInputError(f'{path} has no type: {dict(value)!r} names no {KINDS[kind]}')
    yield from _inner(path, value, kind, cls)


def _inner(path: str, options: Mapping[str, Any], kind: str, owner: Any) -> Iterator[Part]:
    """The parts among the values of a dict. What names no class there is for the part around it to judge."""
    for key, value in options.items():
        place = f'{path}.{key}'
        if key == 'constructor' and kind == 'OPTIM_WRAPPERS':
            _require_class(place, value, 'OPTIM_WRAPPER_CONSTRUCTORS')
        elif key in INNER and isinstance(value, Mapping | list | tuple):
            yield from _parts(place, value, INNER[key], owner=owner)
        elif isinstance(value, Mapping) and key != 'paramwise_cfg':  # whose keys are names of parameters
            if _is_ours(value.get('type')):
                yield from _nested(place, value)
            else:
                yield from _inner(place, value, '', owner)
        elif isinstance(value, list | tuple):
            yield from _inner(place, {str(index): item for index, item in enumerate(value)}, '', owner)


def _nested(path: str, options: Mapping[str, Any]) -> Iterator[Part]:
    """A part inside of another whose registry only that one knows."""
    found = [kind for kind in KINDS if class_of(kind, options['type']) is not None]
    kind = found[0] if found else ''
    cls = _require_class(path, options['type'], kind)
    yield Part(path, kind, options, cls)
    yield from _inner(path, options, kind, cls)


def _is_ours(name: Any) -> bool:
    """Whether a type has this project's scope, or one that is nearly spelled so. Others may mean anything."""
    if not isinstance(name, str) or '.' not in name:
        return False
    scope = name.split('.')[0]
    return scope == 'mmdel' or (scope not in root.MODELS.children and bool(nearest(scope, {'mmdel'}, 0.8)))


def _default_hooks(hooks: Any) -> Iterator[Part]:
    """The hooks by their names; one that is None is taken out, which mmengine can do with its own six only."""
    own = {'runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'}
    if not isinstance(hooks, Mapping):
        raise UserInputError(f'default_hooks is {hooks!r}, expected a dict')
    for name, hook in hooks.items():
        path = f'default_hooks.{name}'
        others = own | (hooks.keys() - {name})
        if name != '_scope_' and hook is None and name not in own:
            raise UserInputError(
                f'{path} is None, but mmengine has no hook of this name to leave out{nearest(name, others, 0.8)}'
            )
        if isinstance(hook, Mapping) and 'type' not in hook:
            raise UserInputError(f'{path} has no type, and there is no hook of this name{nearest(name, others, 0.8)}')
        if name != '_scope_':
            yield from _parts(path, hook, 'HOOKS')


def _require_class(path: str, name: Any, kind: str) -> Any:
    """The class of a name.

    Raises:
        UserInputError: If there is none, with the nearest name; or if it is something else.
    """
    cls = class_of(kind, name) if kind else None
    if cls is not None:
        return cls
    path = path if path.endswith('constructor') else f'{path}.type'
    if not isinstance(name, str):
        raise UserInputError(f'{path} is {name!r}, expected the name of a class')
    what = KINDS.get(kind, 'part')
    others = [other for key, other in KINDS.items() if class_of(key, name) is not None]
    if others:
        raise UserInputError(f'{path}: {name} is {a(others[0])}, expected {a(what)}')
    names = {known for key in ([kind] if kind else KINDS) for known in _known_names(key, name)}
    raise UserInputError(f'{path}: there is no {what} {name}{nearest(name, names, 0.65)}')


def a(noun: str) -> str:
    """``a hook``, ``an optimizer``."""
    return f'{"an" if noun[0] in "aeiou" else "a"} {noun}'


def _known_names(kind: str, like: str) -> set[str]:
    """The names of a registry, with scopes if ``like`` has one; of a module, if it names one."""
    registry: Any = getattr(root, kind)
    module = like.rpartition('.')[0]
    if module.count('.') or module == 'torch':
        try:
            return {f'{module}.{name}' for name in vars(import_module(module))}
        except ImportError:
            pass
    nodes = {'mmengine': registry, **registry.children}
    for node in nodes.values():
        with suppress(ImportError):  # as in class_of
            node.import_from_location()
    pairs = {(scope, name) for scope, node in nodes.items() for name in node.module_dict}
    return {f'{scope}.{name}' if module else name for scope, name in pairs}


def _first(options: Any, *keys: str) -> Any:
    """The first of these keys that a dict has, or None."""
    return next((options[key] for key in keys if isinstance(options, Mapping) and key in options), None)
