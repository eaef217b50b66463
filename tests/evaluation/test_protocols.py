"""The protocols of the data sets."""

import numpy as np
import pytest

from mmdel.evaluation.protocols import PROTOCOLS, get_protocol, tiou_range


def test_thresholds_are_those_of_the_data_sets():
    assert get_protocol('unav100').tious == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert get_protocol('unav100').reported == (0.5, 0.6, 0.7, 0.8, 0.9)
    assert get_protocol('thumos14').tious == (0.3, 0.4, 0.5, 0.6, 0.7)
    assert get_protocol('anet').tious == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    assert get_protocol('epic').tious == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert get_protocol('epic').tasks == ('verb', 'noun', 'action')
    assert get_protocol('grid').tious == (0.1, 0.3, 0.5, 0.7, 0.9)


def test_reported_thresholds_are_among_all():
    assert all(set(protocol.reported) <= set(protocol.tious) for protocol in PROTOCOLS.values())


def test_a_range_has_clean_decimals():
    assert tiou_range(0.1, 0.9, 9)[2] == 0.3 != np.linspace(0.1, 0.9, 9)[2]


def test_an_unknown_protocol_is_named():
    with pytest.raises(ValueError, match=r"'coco'.*unav100"):
        get_protocol('coco')
