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
        ValueError: If the config gives such a value itself and it differs.
    """
    derived = {key: value for key, value in derived.items() if value is not None}
    for key, value in derived.items():
        if key in cfg and cfg[key] != value:
            raise ValueError(f'{part}.{key} is {cfg[key]} in the config, but {value} follows from the other parts')
    with registry.switch_scope_and_registry(cfg.get('_scope_')) as current:
        cls = current.get(cfg['type']) if isinstance(cfg['type'], str) else cfg['type']
    return registry.build({**cfg, **{key: value for key, value in derived.items() if _takes(cls, key)}})


def _takes(cls: Any, key: str) -> bool:
    """Whether a constructor takes an argument, itself or by handing ``**kwargs`` to its base classes."""
    for base in getattr(cls, '__mro__', ()):
        if '__init__' in vars(base):
            parameters = inspect.signature(base.__init__).parameters
            if key in parameters:
                return True
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
                return False
    return False
