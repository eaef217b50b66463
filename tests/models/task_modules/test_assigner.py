import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.task_modules import PointAssigner, PointGenerator

INF = float('inf')
NUM_CLASSES = 3
LENGTHS = [20, 10, 5]

# Quarters make points fall on ends and ranges exactly, and events tie.
event = st.tuples(st.integers(-8, 80), st.integers(1, 60), st.integers(0, NUM_CLASSES - 1)).map(
    lambda item: (item[0] / 4, (item[0] + item[1]) / 4, item[2])
)
videos = st.lists(st.lists(event, max_size=5), min_size=1, max_size=3)


def points():
    return PointGenerator([(0, 4), (4, 8), (8, INF)])(LENGTHS, torch.empty(0).device)


def batch(videos, padding=(0.0, 20.0, 0)):
    """Events of each video, padded with events that would qualify everywhere."""
    num = max(len(events) for events in videos)
    padded = torch.tensor([[*events, *[padding] * (num - len(events))] for events in videos]).reshape(
        len(videos), num, 3
    )
    valid = torch.tensor([[k < len(events) for k in range(num)] for events in videos]).reshape(len(videos), num)
    return padded[..., :2].float(), padded[..., 2].long(), valid.bool()


def qualifies(time, stride, low, high, start, end, radius):
    inside = start <= time <= end
    if radius is not None:
        inside = inside and abs(time - (start + end) / 2) <= radius * stride
    return inside and low <= max(time - start, end - time) <= high


def naive_assign(videos, class_aware, radius):
    """For each video, point and class, by loops: {(video, point): {label}}, {(video, point, slot): segment}."""
    labels, segments = {}, {}
    rows = zip(*(item.tolist() for item in points()), strict=True)
    for p, (time, stride, (low, high)) in enumerate(rows):
        for b, events in enumerate(videos):
            found = [e for e in events if qualifies(time, stride, low, high, e[0], e[1], radius)]
            if class_aware:
                for label in {e[2] for e in found}:
                    shortest = min((e for e in found if e[2] == label), key=lambda e: e[1] - e[0])
                    labels.setdefault((b, p), set()).add(label)
                    segments[b, p, label] = shortest[1] - shortest[0], [e[:2] for e in found if e[2] == label]
            elif found:
                shortest = min(e[1] - e[0] for e in found)
                labels[b, p] = {e[2] for e in found if e[1] - e[0] <= shortest + 1e-3}
                segments[b, p, 0] = shortest, [e[:2] for e in found]
    return labels, segments


@pytest.mark.parametrize('class_aware', [True, False])
@pytest.mark.parametrize('radius', [None, 1.5])
@settings(derandomize=True, deadline=None, max_examples=60)
@given(videos)
def test_equals_the_naive_loop(class_aware, radius, videos):
    targets = PointAssigner(NUM_CLASSES, class_aware, radius)(points(), *batch(videos))
    num_slots = NUM_CLASSES if class_aware else 1
    shape = len(videos), sum(LENGTHS)
    assert targets.labels.shape == (*shape, NUM_CLASSES) and targets.positive.shape == (*shape, num_slots)
    labels, segments = naive_assign(videos, class_aware, radius)
    assert {tuple(index) for index in targets.positive.nonzero().tolist()} == set(segments)
    expected = {(*place, label) for place, items in labels.items() for label in items}
    assert {tuple(index) for index in targets.labels.nonzero().tolist()} == expected
    for place, (length, candidates) in segments.items():
        start, end = targets.segments[place].tolist()
        assert end - start == length and (start, end) in candidates


@pytest.mark.parametrize('class_aware', [True, False])
def test_no_events_no_positives(class_aware):
    assigner = PointAssigner(NUM_CLASSES, class_aware)
    for videos in ([[]], [[], []], [[], [(2.0, 5.0, 1)]]):
        targets = assigner(points(), *batch(videos))
        assert not targets.labels[0].any() and not targets.positive[0].any()
        assert targets.segments.isfinite().all()


@pytest.mark.parametrize('class_aware', [True, False])
@pytest.mark.parametrize('padding', [(0.0, 20.0, 0), (0.0, 0.0, 2), (-1e9, 1e9, 1), (9.0, 9.1, 1)])
def test_padded_events_never_matter(class_aware, padding):
    assigner = PointAssigner(NUM_CLASSES, class_aware)
    events = [(2.0, 5.0, 1), (1.0, 18.0, 0)]
    alone = assigner(points(), *batch([events]))
    padded = assigner(points(), *batch([events, [(3.0, 4.0, 0)] * 5], padding))
    assert torch.equal(alone.labels[0], padded.labels[0])
    assert torch.equal(alone.positive[0], padded.positive[0])
    assert torch.equal(alone.segments[0][alone.positive[0]], padded.segments[0][padded.positive[0]])


def targets_at(events, time, **kwargs):
    """Labels and {slot: segment} of the finest level's point at a time."""
    targets = PointAssigner(NUM_CLASSES, **kwargs)(points(), *batch([events]))
    slots = targets.positive[0, time].nonzero()[:, 0].tolist()
    return targets.labels[0, time].nonzero()[:, 0].tolist(), {
        s: tuple(targets.segments[0, time, s].tolist()) for s in slots
    }


@pytest.mark.parametrize('order', [1, -1])
class TestOverlappingEvents:
    def test_of_one_class_the_shorter_wins(self, order):
        events = [(1.0, 5.0, 2), (2.0, 4.5, 2)][::order]
        assert targets_at(events, 3, class_aware=True) == ([2], {2: (2.0, 4.5)})
        assert targets_at(events, 3, class_aware=False) == ([2], {0: (2.0, 4.5)})

    def test_of_several_classes_each_keeps_its_own_when_class_aware(self, order):
        events = [(1.0, 5.0, 2), (2.0, 4.5, 0)][::order]
        assert targets_at(events, 3, class_aware=True) == ([0, 2], {0: (2.0, 4.5), 2: (1.0, 5.0)})
        assert targets_at(events, 3, class_aware=False) == ([0], {0: (2.0, 4.5)})

    @pytest.mark.parametrize('longer, labels', [(0.0, [0, 1]), (0.0005, [0, 1]), (0.01, [0])])
    def test_equal_ones_keep_both_labels_within_a_thousandth(self, longer, labels, order):
        events = [(2.0, 5.0, 0), (2.0, 5.0 + longer, 1)][::order]
        found, segments = targets_at(events, 3, class_aware=False)
        assert found == labels and list(segments) == [0]


def test_the_level_follows_from_the_larger_distance():
    targets = PointAssigner(NUM_CLASSES)(points(), *batch([[(0.0, 12.0, 0)]]))
    found = [(stride, time) for time, stride, hit in zip(*points()[:2], targets.labels[0, :, 0], strict=True) if hit]
    assert found == [(2, 4), (2, 6), (2, 8), (4, 0), (4, 4), (4, 8), (4, 12)]
