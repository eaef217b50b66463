import numpy as np
import pytest
from matplotlib.patches import Rectangle

from mmdel.visualization.timeline import (
    FALSE_ALARM,
    FOUND,
    HIT,
    IGNORED,
    MAX_PRED_LANES,
    MAX_ROWS,
    MAX_TRUTH_LANES,
    MISSED,
    draw_timeline,
)

NAMES = ['bark', 'bell', 'violin']


def draw(truth=(), predictions=(), duration_sec=20.0, names=NAMES, **more):
    """``truth`` holds (start, end, label), ``predictions`` (start, end, label, score)."""
    truth, predictions = np.reshape(truth, (-1, 3)), np.reshape(predictions, (-1, 4))
    return draw_timeline(
        duration_sec,
        names,
        truth[:, :2],
        truth[:, 2].astype(int),
        predictions[:, :2],
        predictions[:, 2].astype(int),
        predictions[:, 3],
        **more,
    )


def bars(figure):
    """(start, end, colour, opacity, top) of every bar drawn, from the top down."""
    from matplotlib.colors import to_hex

    found = [
        (bar.get_x(), bar.get_x() + bar.get_width(), to_hex(bar.get_facecolor()[:3]), bar.get_alpha(), bar.get_y())
        for bar in figure.axes[0].patches
        if isinstance(bar, Rectangle)
    ]
    return sorted(found, key=lambda bar: (bar[4], bar[0]))


def rows(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def scores(figure):
    return sorted(text.get_text() for text in figure.axes[0].texts)


def test_found_missed_hit_and_false_alarm_are_told_apart_with_the_scores():
    """The second prediction has a tIoU of 0.4 with the event at 10 s; the third comes second to a better one."""
    figure = draw(
        [(1, 4, 0), (10, 14, 0)], [(2, 4, 0, 0.25), (10, 20, 0, 0.9), (1.5, 4, 0, 0.125), (2, 4, 1, 1)], min_score=0.125
    )
    assert [bar[:3] for bar in bars(figure)] == [
        (1, 4, FOUND),
        (10, 14, MISSED),
        (2, 4, HIT),
        (10, 20, FALSE_ALARM),
        (1.5, 4, FALSE_ALARM),
        (2, 4, FALSE_ALARM),
    ]
    opacities = [bar[3] for bar in bars(figure)]
    assert opacities[:2] == [1, 1] and np.argsort(opacities[2:]).tolist() == [2, 0, 1, 3] and opacities[5] == 1
    assert scores(figure) == ['.12', '.25', '.90', '1.00']
    texts = legend(figure)
    for text in ('found: 1', 'missed: 1', 'hit: 1', 'false alarm: 3', 'scores from 0.125, hits from tIoU 0.5'):
        assert any(text in shown for shown in texts), text
    assert figure.axes[0].get_xlim() == (0, 20)


@pytest.mark.parametrize('duration_sec', [60.0, 36000.0])
def test_the_shortest_event_has_two_pixels_and_stays_inside(duration_sec):
    ends = [
        (0, 0.001),
        (duration_sec / 2, duration_sec / 2),
        (duration_sec - 0.001, duration_sec),
        (2 * duration_sec, 1e6),
    ]
    figure = draw([(*end, 0) for end in ends], [(*end, 1, 0.5) for end in ends], duration_sec=duration_sec)
    figure.draw_without_rendering()
    drawn = [bar.get_window_extent() for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    inside = figure.axes[0].get_window_extent()
    assert len(drawn) == 8
    for bar in drawn:
        assert bar.width >= 2 and inside.x0 - 0.01 <= bar.x0 and bar.x1 <= inside.x1 + 0.01
    assert len({(round(bar.x0), round(bar.y0)) for bar in drawn}) == 8


def test_scores_are_written_where_there_is_room():
    crowded = [(start, start + 1, 0, 0.5) for start in range(20, 1200, 12)]
    assert scores(draw([], crowded, duration_sec=3600.0)) == ['.50']  # behind the last
    assert len(scores(draw([], [(50, 51, 0, 0.5), (200, 400, 0, 0.7)], duration_sec=3600.0))) == 2


def test_one_row_for_each_class_by_first_event_then_those_only_predicted():
    figure = draw([(9, 12, 0), (1, 2, 2)], [(3, 4, 1, 0.9)])
    assert rows(figure) == ['violin', 'bark', 'bell']


def test_weak_predictions_are_left_out_and_bring_no_row():
    figure = draw([(1, 4, 0)], [(2, 5, 1, 0.09), (2, 5, 0, 0.1)], min_score=0.1)
    assert rows(figure) == ['bark']
    assert len(bars(figure)) == 2


def test_ignored_truth_is_grey_and_named():
    """Of no class, they have a row of their own, and what overlaps them is no false alarm."""
    figure = draw([(1, 4, -1), (6, 8, 0)], [(3, 5, 0, 0.5)], truth_ignored=np.array([True, False]))
    assert [bar[2] for bar in bars(figure)] == [IGNORED, MISSED, IGNORED]
    assert rows(figure) == ['of no class', 'bark']
    assert any('ignored' in text for text in legend(figure))
    assert not any('ignored' in text for text in legend(draw([(1, 4, 0)])))


def test_bars_never_cover_one_another():
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 15, (40, 1))
    events = np.hstack([start, start + rng.uniform(0.5, 5, (40, 1)), rng.integers(0, 3, (40, 1))])
    drawn = bars(draw(events, np.hstack([events, rng.uniform(0.2, 1, (40, 1))])))
    for index, (start, end, *_, top) in enumerate(drawn):
        for other_start, other_end, *_, other_top in drawn[:index]:
            assert abs(top - other_top) >= 0.8 or end <= other_start or other_end <= start


def test_predictions_without_room_are_counted_the_surest_stay():
    figure = draw([], [(1, 5, 0, score) for score in np.linspace(0.2, 0.8, MAX_PRED_LANES + 3)])
    assert scores(figure) == ['.50', '.60', '.70', '.80']
    assert any(text.startswith('3 ') for text in legend(figure))


def test_what_would_make_the_picture_too_tall_is_counted(tmp_path):
    crowd = [(1, 5, 0)] * (MAX_TRUTH_LANES + 2)
    many = [(label / 10, 19, label) for label in range(1, MAX_ROWS + 6)]
    figure = draw([*crowd, *many], [(1, 5, label, 3.0) for label in range(MAX_ROWS + 6)], names=[*map(str, range(200))])
    assert rows(figure) == [*map(str, [*range(1, 10), 0, *range(10, MAX_ROWS)])]
    assert legend(figure)[-1] == f'{2 + 2 * 6} not drawn'
    figure.savefig(tmp_path / 'tall.png')


def test_a_video_without_events_has_an_empty_axis(tmp_path):
    figure = draw(title='silence')
    assert bars(figure) == [] and rows(figure) == []
    assert figure.axes[0].get_title(loc='left') == 'silence'
    figure.savefig(tmp_path / 'silence.png')
    assert (tmp_path / 'silence.png').read_bytes().startswith(b'\x89PNG')
