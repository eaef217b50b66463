"""What the model in the description of a bundle may be: parts of mmdel alone, and numbers that a model has."""

from __future__ import annotations

from typing import Any

from mmdel.events.formats.structure import Node
from mmdel.registry import MODELS, TASK_UTILS
from mmdel.runtime.bundle_rules import MAX_NUMBER, walk
from mmdel.utils.errors import UserInputError

MAX_COUNT = 256  # of what a model has several of, one module each: levels, layers, blocks


def known_types(*registries: Any) -> dict[str, type]:
    """The classes of mmdel by their one full name, ``mmdel.X``."""
    found = {}
    for registry in registries:
        registry.import_from_location()
        for name, part in registry.module_dict.items():
            if isinstance(part, type) and part.__module__.startswith('mmdel.'):
                found[f'mmdel.{name}'] = part
    return found


def check_model(model: Node) -> None:
    """Stops at a type that is not mmdel's, a key with a meaning for mmengine, and numbers that no model has.

    Raises:
        UserInputError: With the place in the file and what was expected.
    """
    if model.get('type') != 'mmdel.EventDetector':
        raise model['type'].error("'mmdel.EventDetector', the one kind of model that a bundle holds")
    types = known_types(MODELS, TASK_UTILS)
    for node, _ in walk(model):
        value, key = node.value, node.place.rpartition('.')[2]
        if isinstance(value, dict):
            for name in value:
                if name.startswith('_') or name in ('init_cfg', 'pretrained', 'load_from'):
                    raise UserInputError(f'{node.file}: {node.place}.{name} is not allowed in a bundle')
        elif key == 'type' and (not isinstance(value, str) or value not in types):
            raise node.error("the name of a part of mmdel, as 'mmdel.AnchorFreeHead'")
        elif isinstance(value, int) and not isinstance(value, bool):
            counts = key.startswith('num_') and key not in ('num_classes', 'num_channels')
            limit = MAX_COUNT if counts else MAX_NUMBER
            if abs(value) > limit:
                raise node.error(f'a whole number of at most {limit}')
