from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from events.formats.samples_json import JAMS, read_content, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.events import Events, Video
from mmdel.events.formats import SURELY, jams
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def test_reads_what_stands_there(tmp_path):
    raw = read_content(jams, tmp_path, JAMS, 'soundscape 1.jams')
    video = 'soundscape 1'
    assert rows_of(raw) == [
        (video, 1.1, 3.3, 'siren', 'annotations[0].data[1]'),
        (video, 0.0, 4.0, 'rain', 'annotations[1].data[0]'),
        (video, 5, 6.5, 3, 'annotations[1].data[1]'),
    ]
    assert raw.columns['score'] == [1.0, 0.5, None] and raw.columns['snr'] == [6.5, None, None]
    assert raw.left_out == {'backgrounds of a soundscape': 1, 'annotations of the namespace beat': 1}
    assert raw.videos[video]['duration'] == 10.0


def test_a_namespace_on_demand(tmp_path):
    raw = read_content(jams, tmp_path, JAMS, namespace='beat')
    assert rows_of(raw) == [('file', 0.5, 0.5, 1, 'annotations[2].data[0]')]


def test_columns_have_one_length(tmp_path):
    annotation = {'namespace': 'segment_open', 'data': {'time': [1, 2], 'duration': [1]}}
    with pytest.raises(UserInputError, match=r'annotations\[0\].data is .*; expected columns of one length'):
        read_content(jams, tmp_path, {'annotations': [annotation], 'file_metadata': {}})


SECONDS = st.integers(0, 10**8).map(lambda ms: ms / 1000)
LABELS = st.text(st.characters(exclude_categories=['Cs', 'Cc']))
EVENTS = st.lists(st.tuples(SECONDS, SECONDS, LABELS, st.none() | st.floats(0, 1)))


@settings(deadline=None)
@given(EVENTS, st.sampled_from([1e5, None]))
def test_what_is_written_is_read_again(rows, duration_sec):
    events = Events.from_rows([('a.b', *row) for row in rows], [Video('a.b', duration_sec, 25.0, 'val')])
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'a.b.jams'
        jams.write(events, path)
        assert jams.matches(Source(path)) == SURELY
        raw = jams.read(Source(path))
    scores = raw.columns.get('score', [None] * len(raw))
    read = [(*row[:3], row[3] or '', score) for row, score in zip(rows_of(raw), scores, strict=True)]
    assert read == [tuple(event) for event in events]
    assert raw.videos == {'a.b': {'duration': duration_sec, 'subset': 'val', 'fps': 25.0}}
