from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets.checks import annotation_tables
from mmdel.datasets.checks.statistics import class_line, length_histogram, overlap_of, subset_statistics
from mmdel.events import Event
from mmdel.events.annotations import AnnotatedVideo

SEGMENT = st.tuples(st.integers(0, 30), st.integers(1, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def video(*segments, label='a', subset='train'):
    events = [Event('x', *map(float, segment), label) for segment in segments]
    return AnnotatedVideo(f'{label}{len(segments)}', subset, 40.0, 25.0, events)


@settings(max_examples=200, deadline=None)
@given(st.lists(SEGMENT, max_size=8))
def test_overlap_is_that_of_all_pairs_and_of_a_ruler(segments):
    overlapping = sum(
        any(i != j and max(a[0], b[0]) < min(a[1], b[1]) for j, b in enumerate(segments))
        for i, a in enumerate(segments)
    )
    covered = {second for start, end in segments for second in range(start, end)}
    assert overlap_of(np.array(segments, dtype=float).reshape(-1, 2)) == (overlapping, len(covered))


def test_numbers_of_a_subset():
    numbers = subset_statistics([video((0, 4), (2, 4), (6, 8)), video()])
    assert (numbers['num_videos'], numbers['num_empty_videos'], numbers['num_events']) == (2, 1, 3)
    assert numbers['overlapping_share'] == pytest.approx(2 / 3)
    assert numbers['mean_concurrent'] == pytest.approx(8 / 6)
    assert numbers['length_quantiles_sec'][0] == 2 and numbers['length_quantiles_sec'][-1] == 4
    assert numbers['duration_sec'] == 80 and numbers['classes'] == dict(a=3)


def test_the_histogram_counts_every_event_once():
    lines = length_histogram([0.3, 1.5, 1.9, 1.0, 5000])
    assert lines[0].split()[0] == '0.25-0.5' and lines[-1].split()[:2] == ['1024', 's']
    assert [int(line.split()[-1]) for line in lines if line.split()[-1] != '0'] == [1, 3, 1]
    assert lines[2].count('#') == 3 * lines[0].count('#') + 1  # 40 and 13
    assert length_histogram([]) == ['(no events)']


def test_rare_and_empty_classes():
    videos = [video((0, 1), (1, 2), label='a'), video((0, 1), label='b')]
    line = class_line(videos, ('a', 'b', 'c'))
    assert line == '3 classes of 1 to 2 events (median 1.5); rarest: b (1), a (2); 1 without events'


def test_tables_of_a_file_without_any_event():
    text = annotation_tables([video(subset='')], ())
    assert '(none)' in text and '(no events)' in text and '0 classes' in text


def test_hours_of_unknown_length_are_told():
    text = annotation_tables([video((0, 4)), AnnotatedVideo('x', 'train', None, None)], ('a',))
    assert 'the hours are those of 1 videos; of 1 nothing tells the duration' in text
    assert 'nothing tells' not in annotation_tables([video((0, 4))], ('a',))
