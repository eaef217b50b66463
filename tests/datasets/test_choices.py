"""The settings that are chosen for data: they fit one another whatever the data are, and fit data that are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mmdel.datasets.choices import DataSize, choose, schedule_of


def size_of(steps: list[int], event_steps: list[float], step_sec: float = 0.25, most_events: int = 9) -> DataSize:
    return DataSize(np.array(steps), np.array(event_steps), most_events, step_sec)


@pytest.mark.parametrize('seed', range(50))
def test_whatever_the_data_are_the_settings_fit_one_another(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, most_events = (10 ** rng.uniform(0, 5, rng.integers(1, 3000))).astype(int).tolist(), int(rng.integers(5000))
    event_steps = (10 ** rng.uniform(-2, 3.7, rng.integers(1, 9000))).tolist()
    size = size_of(steps, event_steps, most_events=most_events)
    chosen = {name: choice.value for name, choice in choose(size).items()}
    levels, ranges = chosen['num_levels'], chosen['regress_ranges']
    assert len(ranges) == levels and ranges[0][0] == 0 and ranges[-1][1] > 5000
    assert all(a[1] == b[0] and a[0] < a[1] for a, b in pairwise(ranges))
    assert chosen['max_len'] % 2 ** (levels - 1) == 0
    assert chosen['pieces'] == (max(steps) > chosen['max_len'])
    assert chosen['window'] is None or chosen['window'] % 2 == 1
    assert (chosen['window'] is None) == (chosen['max_len'] <= 256)
    assert chosen['max_num'] >= most_events
    assert 1 <= chosen['val_interval'] <= chosen['max_epochs']
    assert all(choice.why and '\n' not in choice.why for choice in choose(size).values())


def test_data_of_known_sizes_get_about_what_their_configs_have() -> None:
    """UnAV-100: 224 steps or fewer, events up to all of them. The demo: 160 videos, 4 steps a second."""
    unav = size_of([224] * 6500, [10.0, 40.0, 180.0, 200.0] * 5000, step_sec=0.32)
    chosen = {name: choice.value for name, choice in choose(unav).items()}
    expected = dict(batch_size=16, max_len=256, pieces=False, window=None, embed_dims=512, max_epochs=45, lr=1e-4)
    assert chosen.items() >= expected.items() and chosen['num_levels'] in (6, 7) and schedule_of(unav) == 'schedule'
    demo = size_of([120, 180, 240, 160] * 40, [4.0, 12.0, 40.0, 80.0] * 240)
    chosen = {name: choice.value for name, choice in choose(demo).items()}
    assert chosen.items() >= dict(num_levels=6, max_len=256, window=None, lr=1e-3).items()
    assert 10 <= chosen['max_epochs'] <= 45 and schedule_of(demo) == 'schedule_small'


def test_small_data_have_a_rate_by_the_videos_of_a_batch() -> None:
    for num_videos, batch_size, lr in ((200, 2, 1e-3), (400, 4, 2e-3), (1200, 16, 2e-3)):
        chosen = choose(size_of([160] * num_videos, [4.0] * num_videos))
        assert (chosen['batch_size'].value, chosen['lr'].value) == (batch_size, pytest.approx(lr))
