"""Parts of a model whose arguments follow from other parts."""

from __future__ import annotations

import inspect
from typing import Any

from mmengine.registry import Registry


def build_derived(registry: Registry, part: str, cfg: dict, **derived: object) -> Any:
    """Builds a part with what follows from the others filled in.

    Args:
        registry: Where the part is registered.
        part: Its name in the model, for the message.
        cfg: Its config.
        derived: Values by argument. One that is None, or that the part does not take, is left out.

    Raises:
        ValueError: If the config names no type, or gives such a value itself and it differs.
    """
    if cfg.get('type') is None:
        raise ValueError(f'{part} has no type')
    derived = {key: value for key, value in derived.items() if value is not None}
    for key, value in derived.items():
        if key in cfg and cfg[key] != value:
            raise ValueError(f'{part}.{key} is {cfg[key]} in the config, but {value} follows from the other parts')
    with registry.switch_scope_and_registry(cfg.get('_scope_')) as current:
        cls = current.get(cfg['type']) if isinstance(cfg['type'], str) else cfg['type']
    names, _ = constructor_arguments(cls)
    return registry.build({**cfg, **{key: value for key, value in derived.items() if key in names}})


def constructor_arguments(cls: Any) -> tuple[set[str], bool]:
    """The arguments that a constructor takes, and whether it takes any others.

    ``**kwargs`` are those of the base classes; where no base class has named ones in the end, they are anything, as are
    those of a function. A class without a constructor takes none.
    """
    names: set[str] = set()
    bases = getattr(cls, '__mro__', (object,))[:-1]
    if bases and not any('__init__' in vars(base) or '__new__' in vars(base) for base in bases):
        return names, False
    for base in bases:
        if '__init__' in vars(base):
            parameters = inspect.signature(base.__init__).parameters
            names |= parameters.keys() - {'self'}
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
                return names, False
    return names, True
