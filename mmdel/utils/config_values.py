"""Whether a value of a config is of the kind that the annotation of an argument says, and how to say it."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Mapping, Set
from contextlib import suppress
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from torch import Tensor

# Packages whose constructors do no more than make an object, and hand on what they take as ``**kwargs``.
KNOWN_PACKAGES = {'mmdel', 'mmengine', 'torch'}
# Packages whose annotations a type checker has seen. Of mmengine's those of numbers alone hold, with float for int:
# others are at odds with what it does, e.g. the ``loss_scale: str`` of its AmpOptimWrapper.
TYPED_PACKAGES = {'mmdel', 'torch'}
NUMBERS = {int, float, bool, types.NoneType}
NAMES = {dict: 'a dict', list: 'a list', tuple: 'a list', types.NoneType: 'None'}


def argument_hints(cls: Any) -> dict[str, Any]:
    """The annotations of a constructor's arguments, those behind ``**kwargs`` too, as far as they can be relied on."""
    hints: dict[str, Any] = {}
    for base in getattr(cls, '__mro__', (object,))[:-1]:
        if '__init__' in vars(base):
            hints = {**_hints_of(base.__init__), **hints}
            if not takes_any_keyword(base.__init__):
                break
    package = getattr(cls, '__module__', '').split('.')[0]
    if package in TYPED_PACKAGES:
        return hints
    hints = {name: hint for name, hint in hints.items() if package == 'mmengine' and set(_members(hint)) <= NUMBERS}
    return {name: hint | float if int in _members(hint) else hint for name, hint in hints.items()}


def _hints_of(function: Any) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for name, annotation in getattr(function, '__annotations__', {}).items():
        with suppress(NameError, TypeError):  # a name that is there for type checkers alone
            hints |= get_type_hints(types.SimpleNamespace(__annotations__={name: annotation}), function.__globals__)
    return hints


def is_known(cls: Any) -> bool:
    """Whether a class is of one of :data:`KNOWN_PACKAGES`."""
    return str(getattr(cls, '__module__', '')).split('.')[0] in KNOWN_PACKAGES


def takes_any_keyword(function: Any) -> bool:
    """Whether a function has ``**kwargs``."""
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(function).parameters.values())


def admits(hint: Any, value: Any) -> bool:
    """Whether ``value`` is what ``hint`` says; True where the hint says nothing of a config's values.

    A whole number is a float, no bool is a number, and a list is a tuple. A dict may become an object of any class.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(admits(arg, value) for arg in args)
    if origin is Literal:
        return value in args
    if hint is None or hint is types.NoneType:
        return value is None
    if hint in (int, float):
        return isinstance(value, int | hint) and not isinstance(value, bool)
    kind = origin or hint
    if not isinstance(kind, type) or kind in (Any, object):  # Any is a class from Python 3.11 on
        return True
    if issubclass(kind, Mapping):
        return isinstance(value, Mapping) and (not args or all(admits(args[1], item) for item in value.values()))
    if kind is not str and hasattr(kind, '__iter__') and not issubclass(kind, Tensor):
        return _admits_items(kind, args, value)
    if isinstance(value, Mapping):
        return kind not in (bool, str)
    return isinstance(value, kind) or (isinstance(value, str) and kind is not bool and not issubclass(kind, Tensor))


def _admits_items(kind: type, args: tuple[Any, ...], value: Any) -> bool:
    """:func:`admits` for lists, tuples and what else has items."""
    if not isinstance(value, list | tuple | Set):
        return False
    if kind is tuple and args and args[-1] is not Ellipsis:
        return len(args) == len(value) and all(map(admits, args, value))
    return not args or all(admits(args[0], item) for item in value)


def describe(hint: Any) -> str:
    """``an int or None``, for a message."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return ' or '.join(dict.fromkeys(map(describe, args)))
    if origin is Literal:
        return ' or '.join(map(repr, args))
    kind = origin or hint
    if kind in NAMES:
        text = NAMES[kind]
    elif kind not in (str, bytes) and hasattr(kind, '__iter__') and not issubclass(kind, Mapping | Tensor):
        text = 'a list'
    else:
        name = getattr(kind, '__name__', str(kind))
        text = f'{"an" if name[0] in "aeiou" else "a"} {name}'
    items = args[1:] if isinstance(kind, type) and issubclass(kind, Mapping) else args[:1]
    return text + ''.join(f' of {describe(item).split(" ", 1)[-1]}' for item in items if item is not Ellipsis)


def is_nan(value: Any) -> bool:
    """Whether a value is the number that no setting can be."""
    return isinstance(value, float) and math.isnan(value)


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def is_known_constructor(name: Any) -> bool:
    """Whether a constructor of optimizer wrappers reads what mmengine's default does, and nothing else."""
    return name in (None, 'mmdel.GroupedOptimWrapperConstructor')
