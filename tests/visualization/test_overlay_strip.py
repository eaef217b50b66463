from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmdel.events import Events
from mmdel.visualization.overlay_strip import MAX_LANES, Strip, class_colours, clock, make_row


def events(*rows):
    return Events.from_rows([('v', *row) for row in rows])


def strip(predicted, truth=None, width=540, duration_sec=60.0, scale=1.0):
    rows = [] if truth is None else [make_row('truth', truth, True)]
    return Strip(width, scale, duration_sec, [*rows, make_row('predicted', predicted, False)])


def has(picture, colour, tolerance=0):
    return bool((np.abs(picture.astype(int) - colour).max(axis=-1) <= tolerance).any())


def test_an_event_is_named_while_it_runs_and_only_then():
    drawn = strip(events((10.0, 20.0, 'cat', 1.0)))
    chips = slice(drawn._chips_top, drawn._lanes_top - 6)
    colour = drawn._colours['cat']
    for time_sec, runs in [(9.99, False), (10.0, True), (19.99, True), (20.0, False)]:
        assert has(drawn.draw(time_sec)[chips], colour) == runs, time_sec


def test_the_timeline_moves_past_the_playhead_and_stands_at_both_ends():
    drawn = strip(events((10.0, 20.0, 'cat', 1.0)))
    lanes = slice(drawn._lanes_top, drawn._bar_top - 8)
    colour = drawn._colours['cat']

    def left_edge(time_sec):
        columns = np.flatnonzero((drawn.draw(time_sec)[lanes] == colour).all(axis=-1).any(axis=0))
        return columns.min() if len(columns) else None

    per_sec = (540 - 2 * drawn._gutter - drawn._names_width) / 8
    assert left_edge(5.0) is None  # the window ends at 9 s
    assert left_edge(7.0) - left_edge(8.0) == pytest.approx(per_sec, abs=2)
    assert left_edge(9.0) == pytest.approx(drawn._gutter + drawn._names_width + 5 * per_sec, abs=2)
    at_end = strip(events((58.0, 60.0, 'cat', 1.0)))
    assert (at_end.draw(57.0)[lanes, :480] == at_end.draw(59.0)[lanes, :480]).mean() > 0.97  # but for the playhead


def test_truth_and_predictions_are_told_apart_and_scores_show():
    truth, sure, unsure = events((0.0, 5.0, 'cat')), events((0.0, 5.0, 'cat', 0.9)), events((0.0, 5.0, 'cat', 0.2))
    pictures = [strip(found, truth).draw(2.0) for found in (sure, unsure)]
    drawn = strip(sure, truth)
    top, middle = drawn._lanes_top, drawn._lanes_top + drawn._row_height(drawn.rows[0])
    colour = drawn._colours['cat']
    filled = [
        (np.abs(pictures[0][rows].astype(int) - colour).max(axis=-1) < 40).sum()
        for rows in (slice(top, middle), slice(middle, middle + 17))
    ]
    assert filled[0] < 0.4 * filled[1]  # an outline and a bar
    assert not np.array_equal(*pictures)


def test_as_many_events_as_there_are_lanes_are_named_the_surest_and_the_others_counted():
    crowd = events(*((0.0, 10.0, f'label {k}', (k + 1) / 20) for k in range(20)))
    row = make_row('predicted', crowd, False)
    assert row.num_lanes == MAX_LANES and [row.labels[k] for k in np.flatnonzero(row.lanes >= 0)] == [
        f'label {k}' for k in (19, 18, 17, 16, 15, 14)
    ]
    crowded, roomy = strip(crowd), strip(crowd[14:])
    assert crowded.height == roomy.height
    headings = [each.draw(5.0)[:20] for each in (crowded, roomy)]
    assert (headings[0] != headings[1]).any()  # '14 more'


def test_the_height_is_even_and_the_same_at_any_time_and_grows_with_the_scale():
    drawn = strip(events((1.0, 2.0, 'a', 0.5), (1.0, 3.0, 'b', 0.5)), events((1.0, 2.0, 'a')))
    shapes = {drawn.draw(time_sec).shape for time_sec in (0.0, 1.5, 59.9, 60.0, 100.0)}
    assert shapes == {(drawn.height, 540, 3)} and drawn.height % 2 == 0
    assert strip(events((1.0, 2.0, 'a', 0.5)), scale=2.0).height > 1.8 * strip(events((1.0, 2.0, 'a', 0.5))).height


@pytest.mark.parametrize('width', [480, 3840])
def test_odd_events_are_drawn_without_a_fault(width):
    odd = events(
        (-5.0, 1e9, 'everlasting', 1.0),
        (3.0, 3.0, '', 0.5),
        (70.0, 90.0, 'x' * 5000, 0.7),
        (1e-9, 2e-9, '\x00\u202e犬$\\', 2.0),
    )
    for found, truth in itertools.product((odd, Events()), (None, odd, Events())):
        for time_sec in (0.0, 3.0, 59.0, 80.0):
            strip(found, truth, width).draw(time_sec)


def test_classes_up_to_twenty_one_have_colours_of_their_own():
    colours = class_colours([str(k) for k in range(22)])
    assert len({*colours.values()}) == 21


@pytest.mark.parametrize(
    ('sec', 'text'), [(0, '0:00.0'), (61.29, '1:01.2'), (3723.4, '1:02:03.4'), (36000, '10:00:00.0')]
)
def test_times_are_written_as_players_do(sec, text):
    assert clock(sec) == text
