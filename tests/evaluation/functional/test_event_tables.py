import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmdel.evaluation.functional import GroundTruth

WITHIN = 2
TIMES = st.integers(0, 8)
EVENTS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), TIMES, TIMES, st.booleans()), max_size=12)


@given(events=EVENTS)
def test_each_event_once_is_what_a_loop_keeps(events):
    events = [(video, label, min(a, b), max(a, b), ignored) for video, label, a, b, ignored in events]
    kept = []
    for event in events:
        video, label, start, end, ignored = event
        if not any(
            (video, label, ignored) == (other[0], other[1], other[4])
            and abs(start - other[2]) <= WITHIN
            and abs(end - other[3]) <= WITHIN
            for other in kept
        ):
            kept.append(event)
    columns = np.array(events, dtype=np.int64).reshape(-1, 5)
    truth = GroundTruth(columns[:, 0], columns[:, 1], columns[:, 2:4].astype(float), columns[:, 4].astype(bool))
    once = truth.without_repeats(WITHIN)
    found = np.column_stack([once.videos, once.labels, once.segments, once.ignored])
    assert found.tolist() == np.array(kept, dtype=float).reshape(-1, 5).tolist()
