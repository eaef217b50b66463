import json

import numpy as np
import pytest
from tiny_bundle import CLASSES, make_bundle

from mmdel.events import Events, Video
from mmdel.inference.event_inferencer import Detection, EventInferencer
from mmdel.inference.journal import Journal, join
from mmdel.runtime.reading import Input
from mmdel.utils.errors import UserInputError


@pytest.fixture(scope='module')
def inferencer():
    return EventInferencer(make_bundle(weights_sha256='a' * 64), device='cpu')


def detection(video_id, rows=(), **fields):
    videos = [Video(video_id, 9.5)]
    events = Events.from_rows(rows, videos) if rows else Events(tuple(videos), scores=np.zeros(0))
    return Detection(f'{video_id}.mp4', video_id, events, 9.5, seconds=0.5, **fields)


def test_what_is_written_is_read_by_its_id(tmp_path, inferencer):
    journal = Journal.of(tmp_path, inferencer)
    assert not journal.exists and journal.read() == []
    found = [
        detection('../b', [('../b', 1.0, 2.0, CLASSES[0], 0.5), ('../b', 1.5, 2.5, CLASSES[1], 0.25)], notes=['cut']),
        detection('a'),
        detection('c', error='broken'),
    ]
    for item in found:
        journal.write(Input(item.path, item.video_id), item)
    assert journal.exists and {path.parent for path in tmp_path.rglob('*.json')} == {tmp_path / 'videos'}
    read = journal.read()
    assert [item.video_id for item in read] == ['../b', 'a', 'c']
    for before, after in zip(found, read, strict=True):
        assert [*after.events] == [*before.events] and after.events.videos == before.events.videos
        assert (after.error, after.notes, after.seconds) == (before.error, before.notes, before.seconds)
    joined = join(read)
    assert joined.video_ids == ('../b', 'a') and len(joined) == 2 and join([]).scores is not None


def test_a_video_is_finished_as_long_as_file_and_settings_are_the_same(tmp_path, inferencer, half_precision):
    file = tmp_path / 'a.mp4'
    file.write_bytes(b'1')
    journal, item = Journal.of(tmp_path / 'out', inferencer), Input(str(file), 'a')
    assert not journal.finished(item)
    journal.write(item, detection('a'))
    assert journal.finished(item)
    file.write_bytes(b'22')
    assert not journal.finished(item)
    journal.write(item, detection('a', error='broken'))
    assert not journal.finished(item)
    journal.write(item, detection('a'))
    assert (
        journal.finished(item)
        and json.loads((tmp_path / 'out/videos/a.json').read_text())['number_format'] == 'float32'
    )
    # Machines that compute in their own formats work together; a format that was asked for is a setting.
    assert Journal(journal.folder, journal.settings, 'bfloat16').finished(item)
    asked = Journal.of(
        tmp_path / 'out', EventInferencer(make_bundle(weights_sha256='a' * 64), device='cpu', amp='bf16')
    )
    with pytest.raises(UserInputError, match="was made with number_format 'float32', not 'bfloat16'"):
        asked.finished(item)
    other = Journal(journal.folder, {**journal.settings, 'score_thr': 0.7})
    with pytest.raises(UserInputError, match=r'a\.json was made with score_thr 0\.05, not 0\.7: name another --out'):
        other.finished(item)
    assert other.read() == []


def test_a_damaged_record_is_told(tmp_path, inferencer):
    journal = Journal.of(tmp_path, inferencer)
    journal.write(Input('a.mp4', 'a'), detection('a'))
    path = tmp_path / 'videos' / 'a.json'
    assert json.loads(path.read_text())['video_id'] == 'a'
    record = json.loads(path.read_text())
    for change in (
        dict(video_id=1),
        dict(events=[{}]),
        dict(duration_sec=-1),
        dict(error=3),
        dict(notes=[3]),
        dict(seconds=True),
    ):
        path.write_text(json.dumps({**record, **change}))
        with pytest.raises(UserInputError, match=r'a\.json is damaged, or no record of a video'):
            journal.read()
    path.write_text('{')
    with pytest.raises(UserInputError, match=r'record of a video .*a\.json is not JSON'):
        journal.read()
