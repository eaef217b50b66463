from __future__ import annotations

import pytest
from events.formats.samples_json import CHARADES, read_content, rows_of

from mmdel.events.formats import charades
from mmdel.utils.errors import UserInputError


def test_reads_what_stands_there(tmp_path):
    raw = read_content(charades, tmp_path, CHARADES)
    assert rows_of(raw) == [('7UPGT', 0.0, 11.4, 40, '7UPGT.actions[0]'), ('7UPGT', 3, 9.5, 0, '7UPGT.actions[1]')]
    assert raw.videos == {
        '7UPGT': {'subset': 'training', 'duration': 33.0},
        '0007': {'subset': 'testing', 'duration': 12.46},
    }


def test_an_action_is_three_values(tmp_path):
    with pytest.raises(UserInputError, match=r'a.actions\[1\] is \[2, 1.0\]; expected a list \[class, start, end\]'):
        read_content(charades, tmp_path, {'a': {'actions': [[1, 0, 1], [2, 1.0]]}})
