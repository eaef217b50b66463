"""What is a number, and what only looks like one."""

import pytest

from mmdel.utils.numbers import is_number


@pytest.mark.parametrize('value', [0, -1, 1.5, 10**300, 1e308, 5e-324])
def test_a_number(value):
    assert is_number(value)


@pytest.mark.parametrize('value', [True, '3', None, [1], {}, float('nan'), float('-inf'), 10**400])
def test_no_number(value):
    assert not is_number(value)
