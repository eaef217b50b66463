from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import pytest
import torch
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import DataLoader

from mmdel.utils.config_values import admits, argument_hints, describe, is_nan


@pytest.mark.parametrize(
    ('hint', 'right', 'wrong', 'said'),
    [
        (int, [0, -3], [True, 1.0, '1', None, [1]], 'an int'),
        (float, [0, 1.5, math.inf], [True, '1', None], 'a float'),
        (bool, [True], [1, 'True', None, {}], 'a bool'),
        (str, ['a'], [1, None, {}, ['a']], 'a str'),
        (int | None, [3, None], ['None', 2.5], 'an int or None'),
        (str | Sequence[str], ['a', ['a'], ('a', 'b')], [1, [1], {'a': 'b'}], 'a str or a list of str'),
        (list[float], [[1, 2.5], ()], ['12', 1, [True]], 'a list of float'),
        (tuple[float, float], [(0, 1), [0.5, 1]], [(0,), (0, '1'), 3], 'a list of float'),
        (tuple[int, ...], [(), (1, 2, 3)], [('1',)], 'a list of int'),
        (dict[str, int], [{'a': 1}, {}], [{'a': '1'}, [1], 'a'], 'a dict of int'),
        (dict, [{'type': 'a.B'}], [[], 7, 'a.B'], 'a dict'),
        (Literal['a', 'b'], ['a'], ['c', 1], "'a' or 'b'"),
        (float | torch.Tensor, [1, 0.1], ['0.1', True, [1]], 'a float or a Tensor'),
        (torch.device, ['cpu'], [1, None], 'a device'),
    ],
)
def test_values_by_their_hint(hint: Any, right: list, wrong: list, said: str) -> None:
    assert all(admits(hint, value) for value in right)
    assert not any(admits(hint, value) for value in wrong)
    assert describe(hint) == said


class Wide:
    def __init__(self, width: int, name: str = '') -> None: ...


class Wider(Wide):
    def __init__(self, factor: float, width: int | None = None, lost: Lost = 0, **rest: Any) -> None:  # noqa: F821
        ...


class Closed(Wide):
    def __init__(self, depth: int) -> None: ...


def test_what_says_nothing_admits_everything() -> None:
    assert all(admits(hint, value) for hint in (Any, object) for value in (None, 'a', {}, 1))


def test_the_hints_of_a_constructor_are_those_behind_its_kwargs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in (Wide, Wider, Closed):
        monkeypatch.setattr(cls, '__module__', 'mmdel.somewhere')
    hints = argument_hints(Wider)
    assert (hints['factor'], hints['width'], hints['name']) == (float, int | None, str) and 'lost' not in hints
    assert 'width' not in argument_hints(Closed)
    monkeypatch.setattr(Wide, '__module__', 'foreign.package')
    assert argument_hints(Wide) == {}


def test_of_mmengine_s_annotations_those_of_numbers_count() -> None:
    hints = argument_hints(EpochBasedTrainLoop)
    assert admits(hints['max_epochs'], 3) and not admits(hints['max_epochs'], '3')
    assert 'loss_scale' not in argument_hints(AmpOptimWrapper)  # said to be a str, and mostly a number
    assert argument_hints(DataLoader)['num_workers'] is int


def test_nan_is_the_only_number_that_is_never_meant() -> None:
    assert is_nan(math.nan) and not any(map(is_nan, (0, 0.0, math.inf, 'nan', None)))
