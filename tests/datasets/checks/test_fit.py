"""What data, model and training make of one another, against loops over every point and every window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmdel.datasets.checks.fit import Loaded, check_crowds, check_epoch, check_ignored, check_learnable
from mmdel.datasets.transforms import RandomTemporalCrop, ResizeStreams
from mmdel.datasets.transforms.shaping import Shaping
from mmdel.registry import TASK_UTILS
from mmdel.structures import FeatureGrid

RANGES = [(0, 3), (2, 6), (5, 12)]
CLASSES = ('bark', 'bell', 'car')


def head(radius=None, max_num=200, pre_nms_num=2000):
    return SimpleNamespace(
        point_generator=TASK_UTILS.build(dict(type='mmdel.PointGenerator', regress_ranges=RANGES)),
        assigner=TASK_UTILS.build(dict(type='mmdel.PointAssigner', num_classes=3, center_sampling_radius=radius)),
        nms=SimpleNamespace(max_num=max_num),
        pre_nms_num=pre_nms_num,
    )


def record(segments, duration_sec=40.0, labels=None, ignored=None, video_id='v', step_sec=1.0):
    """A video whose steps stand for the middles of seconds, or of other times, side by side."""
    labels = np.zeros(len(segments), int) if labels is None else np.array(labels)
    return dict(
        video_id=video_id,
        duration_sec=duration_sec,
        segments_sec=np.array(segments, dtype=float).reshape(-1, 2),
        labels=labels,
        ignored=np.zeros(len(labels), bool) if ignored is None else np.array(ignored),
        streams=dict(visual=dict(files=[f'{video_id}.npy'], key=None, grid=FeatureGrid(step_sec, step_sec, 1))),
    )


def load(*records, pieces=False, facts=None, **shaping):
    dataset = SimpleNamespace(ann_file='a.json', subsets=['train'], pieces=pieces)
    return Loaded(dataset, records, CLASSES, Shaping(**shaping), facts or {})


def numbers(problems):
    return [(problem.kind, problem.found) for problem in problems]


def is_learnable(start, end, num_steps, radius, crop):
    """By a loop over the points of each level in each window; events are of the whole video, in steps."""
    if crop is None:
        windows = [(0, num_steps)]
    else:
        shortest = crop.max_len if num_steps > crop.max_len else max(round(crop.crop_ratio[0] * num_steps), 1)
        windows = [(first, shortest) for first in range(num_steps - shortest + 1)]
    for first, length in windows:
        for level, (low, high) in enumerate(RANGES):
            for time in range(first, first + length, 2**level):
                reach = max(time - start, end - time)
                near = radius is None or abs(time - (start + end) / 2) <= radius * 2**level
                if start <= time <= end and low <= reach <= high and near:
                    return crop is None or num_steps <= crop.max_len or end - start <= crop.max_len
    return False


@settings(max_examples=60, deadline=None)
@example([(31, [(-1, 86)])], None, (30, (0.5, 0.5)))  # only two windows: not every step is a point of every level
@given(
    cases=st.lists(
        st.tuples(st.integers(1, 40), st.lists(st.tuples(st.integers(-8, 160), st.integers(1, 120)), max_size=4)),
        max_size=4,
    ),
    radius=st.sampled_from([None, 1.5, 0.25]),
    crop=st.sampled_from([None, (9, (0.5, 1.0)), (30, (0.5, 0.5))]),
)
def test_what_can_be_learned_is_what_a_loop_over_all_points_of_all_windows_finds(cases, radius, crop):
    crop = crop and RandomTemporalCrop(*crop)
    records, lost, total = [], 0, 0
    for number, (num_steps, events) in enumerate(cases):
        steps = [(start / 4, (start + length) / 4) for start, length in events]
        total += len(steps)
        lost += sum(not is_learnable(*event, num_steps, radius, crop) for event in steps)
        records.append(
            record([(start + 0.5, end + 0.5) for start, end in steps], float(num_steps), video_id=f'{number}')
        )
    problems = check_learnable(load(*records, crop=crop), head(radius), by_class=False)
    assert bool(problems) == bool(lost)
    for problem in problems:
        assert problem.found.startswith(f'no point of the model can learn {lost} of the {total} events as they are (')


def test_each_reason_is_told_for_each_class_or_with_the_worst():
    events = [(3.6, 4.4), (3.4, 4.6), (10, 39), (38.6, 39.4), (36.6, 37.4)]  # short, a step, long, two short at the end
    data = load(record(events, labels=[0, 0, 1, 2, 0]), record([(1, 15)], labels=[1], video_id='w'))
    assert numbers(check_learnable(data, head())) == [
        ('unlearnable-event', "'bark': 2 of 3 events, 2 between two steps"),
        ('unlearnable-event', "'bell': 1 of 2 events, 1 outside every level's range"),
        ('unlearnable-event', "'car': 1 of 1 events, 1 between two steps"),
    ]
    ((_, found),) = numbers(check_learnable(data, head(), by_class=False))
    assert found == (
        'no point of the model can learn 4 of the 6 events as they are (3 between two steps, 1 outside every '
        "level's range; 'bark' 2 of 3, 'bell' 1 of 2, 'car' 1 of 1)"
    )


def test_the_crop_and_the_end_of_the_features_count():
    facts = {('v.npy', None): SimpleNamespace(shape=(36, 3))}  # four seconds are missing
    data = load(record([(2, 11), (37, 39)]), facts=facts, crop=RandomTemporalCrop(8))
    ((_, found),) = numbers(check_learnable(data, head()))
    assert found == "'bark': 2 of 2 events, 1 longer than the crop's max_len, 1 beyond the features"
    assert check_learnable(load(record([(2, 11)]), crop=RandomTemporalCrop(9)), head()) == []


def test_the_grid_is_that_of_resized_features():
    short = record([(3.6, 4.4)])
    assert check_learnable(load(short, resize=ResizeStreams(80)), head()) == []
    assert len(check_learnable(load(short, resize=ResizeStreams(40)), head())) == 1


def test_a_head_without_points_is_passed_over():
    data = load(record([(3.6, 4.4)] * 3))
    for other in (None, SimpleNamespace(), SimpleNamespace(point_generator=1, assigner=1, nms=None, pre_nms_num=None)):
        assert check_learnable(data, other) == check_crowds(data, other) == []


@pytest.mark.parametrize(('limits', 'told'), [((2, 3), ['nms.max_num']), ((2, 2), 2 * ['']), ((3, 3), [])])
def test_a_video_of_more_events_than_the_head_keeps(limits, told):
    full = record([(1, 2)] * 4, ignored=[False, False, True, False], video_id='full')
    problems = check_crowds(load(record([(1, 2)]), full), head(None, *limits))
    assert [(problem.video_id, problem.found) for problem in problems] == len(told) * [
        ('full', '3 events in one video of subset train')
    ]
    assert all(name in problem.expected for name, problem in zip(told, problems, strict=True))


def test_a_long_video_may_have_more_events():
    """Of 40 steps, a window of 10 keeps four times 3 events, and one of 100 no fewer than 3; of 20 steps twice 3."""
    for num_events, duration_sec, window, most in (
        (12, 40.0, 10, None),
        (13, 40.0, 10, 12),
        (4, 40.0, 100, 3),
        (4, 40.0, None, 3),
        (7, 20.0, 10, 6),
    ):
        longer = record([(1, 2)] * 5, 100.0, video_id='longer')
        videos = [record([(1, 2)] * num_events, duration_sec), *([longer] if window == 10 else [])]
        problems = check_crowds(load(*videos), head(None, 3), window)
        assert [(problem.video_id, problem.expected[:10]) for problem in problems] == (
            [('v', f'at most {most},'[:10])] if most else []
        )


def test_ignored_time_counts_once_and_inside_the_video():
    quiet = record([(1, 2)], duration_sec=60.0)
    for segments, share, severity in (
        ([(-9, 2), (1, 3), (50, 60)], '3.0 %', 'info'),
        ([(0, 5), (38, 60)], '7.0 %', 'warning'),
    ):
        (problem,) = check_ignored(load(quiet, record(segments, ignored=[True] * len(segments))))
        assert share in problem.found and problem.severity == severity and 'drop_labels' in problem.expected
    assert check_ignored(load(quiet)) == []


def test_an_epoch_that_sees_less_than_half():
    crop = RandomTemporalCrop(10)
    videos = record([]), record([], 20.0, video_id='w')  # 10 of 40 steps and 10 of 20
    (problem,) = check_epoch(load(*videos, crop=crop))
    assert problem.found == 'an epoch sees 33 % of subset train: 10 steps of each video, which has 30 on average'
    assert 'pieces=True' in problem.expected
    for data, times in (
        (load(*videos, crop=crop, pieces=True), 1),
        (load(*videos, crop=crop), 2),
        (load(videos[1], crop=crop), 1),
        (load(*videos), 1),
        (load(crop=crop), 1),
    ):
        assert check_epoch(data, times) == []
