"""Average precision of single time steps, for densely labelled videos (MultiTHUMOS, Charades).

S steps of all videos, C classes.
"""

from __future__ import annotations

import numpy as np

from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions


def sample_steps(
    durations_sec: np.ndarray, steps_per_video: int | None = None, step_hz: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The times at which videos are scored.

    Args:
        durations_sec: (V,) length of each video.
        steps_per_video: So many, evenly from 0 on (Charades scores 25 a video), or
        step_hz: so many a second, from 0 on (MultiTHUMOS: the rate of the features).

    Returns:
        The video (S,) and the time in seconds (S,) of each step, video by video.

    Raises:
        ValueError: If not exactly one of the two numbers is given, or it is not positive.
    """
    durations = np.asarray(durations_sec, dtype=np.float64)
    given = [number for number in (steps_per_video, step_hz) if number is not None]
    if len(given) != 1 or not given[0] > 0:
        numbers = f'{steps_per_video!r} and {step_hz!r}'
        raise ValueError(f'one of steps_per_video and step_hz must be given, as a positive number, got {numbers}')
    if step_hz is None:
        counts, step_sec = np.full(len(durations), steps_per_video), durations / given[0]
    else:
        counts = np.floor(durations * step_hz).astype(np.int64) + 1
        step_sec = np.full(len(durations), 1 / step_hz)
    videos = np.repeat(np.arange(len(durations)), counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return videos, place * step_sec[videos]


def paint_steps(
    events: GroundTruth | Predictions,
    values: np.ndarray,
    step_videos: np.ndarray,
    step_times: np.ndarray,
    num_classes: int,
) -> np.ndarray:
    """The largest value (S, C) of the events that cover a step, both ends included; 0 where none does.

    The events have ``values`` (N,) of at least 0. ``step_videos`` (S,) ascend, and within each video ``step_times``
    (S,), in seconds.
    """
    span = 1 + max(step_times.max(initial=0), np.abs(events.segments).max(initial=0))
    steps = step_videos * 2 * span + step_times
    begin = np.searchsorted(steps, events.videos * 2 * span + events.segments[:, 0], side='left')
    count = np.searchsorted(steps, events.videos * 2 * span + events.segments[:, 1], side='right') - begin
    event = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(event)) - np.repeat(np.cumsum(count) - count, count) + begin[event]
    painted = np.zeros(len(steps) * num_classes)
    np.maximum.at(painted, step * num_classes + events.labels[event], values[event])
    return painted.reshape(-1, num_classes)


def step_average_precision(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Average precision (C,) of steps: ``sum_k (R_k − R_{k−1})·P_k`` over the distinct scores k, not interpolated.

    Steps of equal score (many have 0) are taken together, so that the order of the steps is no matter.

    Args:
        scores: (S, C).
        targets: (S, C) bool.

    Returns:
        (C,) in [0, 1], NaN for a class that is true at no step.
    """
    num_steps, num_classes = scores.shape
    order = np.argsort(-scores.T, axis=1, kind='stable')
    scores = np.take_along_axis(scores.T, order, axis=1)
    hits = np.cumsum(np.take_along_axis(targets.T, order, axis=1), axis=1)
    last_of_score = np.ones((num_classes, num_steps), dtype=bool)
    last_of_score[:, :-1] = scores[:, 1:] != scores[:, :-1]
    label, place = np.nonzero(last_of_score)
    found = hits[label, place]
    before = np.where(np.diff(label, prepend=-1) > 0, 0, np.append(0, found[:-1]))
    total = np.bincount(label, weights=(found - before) * found / (place + 1), minlength=num_classes)
    num_true = targets.sum(axis=0)
    with np.errstate(invalid='ignore'):
        return np.where(num_true > 0, total / num_true, np.nan)


def event_step_average_precision(
    truth: GroundTruth,
    predictions: Predictions,
    durations_sec: np.ndarray,
    num_classes: int,
    steps_per_video: int | None = None,
    step_hz: float | None = None,
) -> np.ndarray:
    """Per-step average precision (C,) of events: a step has the score of the best prediction of the class over it.

    Ignored events are left out. See :func:`sample_steps` and :func:`step_average_precision`.
    """
    steps = sample_steps(durations_sec, steps_per_video, step_hz)
    truth = truth.select(~truth.ignored)
    targets = paint_steps(truth, np.ones(len(truth)), *steps, num_classes) > 0
    return step_average_precision(paint_steps(predictions, predictions.scores, *steps, num_classes), targets)
