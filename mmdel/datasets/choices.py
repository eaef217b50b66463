"""The settings of a config for data of one's own, chosen by what the data are like, each with its reason.

The rules go by the configs of the published data sets and of the demo; a step is one of the features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

# Below the first number of events the model is as wide as that of the demo, below the second as that of GRID-streams,
# with their schedule; above, width and schedule are those of UnAV-100.
FEW_EVENTS, MANY_EVENTS = 2000, 10_000
WIDTHS = 64, 128, 512
FEW_STEPS = 256  # so many are attended to at once, as the 224 of UnAV-100
MAX_LEN = 2304  # of THUMOS14
NUM_ITERATIONS = 1500  # of a small training
SHARE = 95  # percent of the videos or events for which a length is chosen


@dataclass(frozen=True)
class DataSize:
    """What the choices go by.

    Attributes:
        steps: Steps of the features of each training video: (V,).
        event_steps: Lengths of the training videos' events in steps: (N,) float64.
        most_events: Of one video.
        step_sec: Seconds from one step to the next.
    """

    steps: np.ndarray
    event_steps: np.ndarray
    most_events: int
    step_sec: float


class Choice(NamedTuple):
    """A value, and why it is this one."""

    value: Any
    why: str


def choose(size: DataSize) -> dict[str, Choice]:
    """The settings by their names in a config, in the order in which they are written."""
    num_videos, num_events = len(size.steps), len(size.event_steps)
    small = is_small(size)
    longest, typical = float(np.percentile(size.event_steps, SHARE)), float(np.median(size.event_steps))
    num_levels = int(np.clip(np.ceil(np.log2(max(longest, 1))) - 1, 4, 7))
    video_steps = int(np.percentile(size.steps, SHARE, method='higher'))
    max_len = _max_len(int(size.steps.max()), video_steps, 2 ** (num_levels - 1))
    pieces = bool(max_len < size.steps.max())
    batch_size = 2 if num_videos < 300 else 4 if num_videos < 1000 else 16
    num_items = int(-(-size.steps // max_len).sum()) if pieces else num_videos
    per_epoch = max(num_items // batch_size, 1)
    max_epochs = int(np.clip(round(NUM_ITERATIONS / per_epoch / 5) * 5, 10, 100)) if small else 45
    size_class = (num_events >= FEW_EVENTS) + (num_events >= MANY_EVENTS)
    ranges = [(0 if level == 0 else 2 ** (level + 1), 2 ** (level + 2)) for level in range(num_levels - 1)]
    return {
        'batch_size': Choice(batch_size, f'{per_epoch} iterations an epoch, of {num_items} videos or pieces of them'),
        'max_len': Choice(
            max_len, f'steps, {max_len * size.step_sec:.0f} s: {SHARE} % of the videos have {video_steps} or fewer'
        ),
        'pieces': Choice(
            pieces, 'longer videos are learned piece by piece' if pieces else 'no video is longer than that'
        ),
        'num_levels': Choice(
            num_levels, f'{SHARE} % of the events last at most {longest:.0f} steps, half of them {typical:.0f} or less'
        ),
        'regress_ranges': Choice([*ranges, (2**num_levels, 10000)], 'steps to the farther end of an event, by level'),
        'window': Choice(
            None if max_len <= FEW_STEPS else 19,
            f'steps that attention sees; None = all, up to {FEW_STEPS}, an odd number for more',
        ),
        'embed_dims': Choice(
            WIDTHS[size_class],
            f'width for {num_events} events; {WIDTHS[1]} from {FEW_EVENTS} on, {WIDTHS[2]} from {MANY_EVENTS} on',
        ),
        'dropout': Choice(0.1 if small else 0.0, 'against learning few data by heart'),
        'crop_ratio': Choice(
            (0.5, 1.0) if small else (0.9, 1.0), 'of a video or piece, a part as long as this is learned at a time'
        ),
        'max_num': Choice(
            max(200, -(-6 * size.most_events // 100) * 100),
            f'predictions of a video; the fullest has {size.most_events}',
        ),
        'max_epochs': Choice(max_epochs, f'{max_epochs * per_epoch} iterations'),
        'val_interval': Choice(max(1, max_epochs // 5), 'epochs from one validation to the next'),
        'weight_decay': Choice(2.5 if small else 0.05, 'of the weights, times the learning rate, at each iteration'),
        'lr': Choice(
            5e-4 * min(batch_size, 4) if small else 1e-4,
            'learning rate, by the videos of a batch' if small else 'learning rate, of the large model',
        ),
    }


def _max_len(longest: int, usual: int, stride: int) -> int:
    """The longest video if that is not much longer than usual, in whole steps of the top level."""
    enough = longest if longest < 1.5 * usual else usual
    return min(max(-(-enough // stride), 2) * stride, MAX_LEN)


def is_small(size: DataSize) -> bool:
    """Whether a small model learns the data, and that without the contrastive loss, which gives it nothing."""
    return len(size.event_steps) < MANY_EVENTS


def schedule_of(size: DataSize) -> str:
    """The base of the schedule that goes with the choices."""
    return 'schedule_small' if is_small(size) else 'schedule'
