"""What the model of a bundle may be; ``tests/attacks/test_bundles.py`` tries the rest by way of the whole file."""

import pytest
from tiny_bundle import make_bundle

from mmdel.events.formats.structure import Node
from mmdel.inference.model_rules import MAX_COUNT, check_model, known_types
from mmdel.registry import MODELS, TASK_UTILS
from mmdel.utils.errors import UserInputError


def test_parts_of_mmdel_are_known_by_their_one_name():
    types = known_types(MODELS, TASK_UTILS)
    assert types['mmdel.EventDetector'].__name__ == 'EventDetector' and 'mmdel.SegmentNMS' in types
    assert all(name.startswith('mmdel.') and part.__module__.startswith('mmdel.') for name, part in types.items())


def test_numbers_have_limits_by_what_they_count():
    model = make_bundle().model
    check_model(Node('bundle.json', 'model', model))
    model['backbone']['num_levels'] = MAX_COUNT
    model['head']['num_classes'] = MAX_COUNT + 1
    check_model(Node('bundle.json', 'model', model))
    model['backbone']['num_levels'] += 1
    with pytest.raises(UserInputError, match=rf'num_levels is {MAX_COUNT + 1}; expected a whole number of at most 256'):
        check_model(Node('bundle.json', 'model', model))
