import pytest
from tiny_bundle import make_bundle, random_features

from mmdel.events import read_events
from mmdel.inference import EventInferencer
from mmdel.inference.detected_files import DetectedFiles
from mmdel.utils.errors import UserInputError


@pytest.fixture(scope='module')
def found():
    inferencer = EventInferencer(make_bundle(), device='cpu')
    videos = [dict(random_features(20, seed), video_id=name) for seed, name in enumerate(('x/1', 'x_2'))]
    return inferencer, [*inferencer(videos)]


def test_a_folder_gets_a_file_a_format_or_a_video(found, tmp_path):
    inferencer, detections = found
    files = DetectedFiles(str(tmp_path / 'out'), ['csv', 'webvtt', 'csv'], '', False, 2, begun=False)
    assert not files.is_one
    written = files.write_all(detections, inferencer)
    names = ['events.json', 'events.csv', 'webvtt', 'report.html']
    assert written == [tmp_path / 'out' / name for name in names]
    assert sorted(path.name for path in (tmp_path / 'out/webvtt').iterdir()) == ['x%2F1.vtt', 'x_2.vtt']
    for name in ('events.json', 'events.csv'):
        assert len(read_events(tmp_path / 'out' / name)) == sum(len(detection.events) for detection in detections)
    assert detections[0].events.labels[0] not in (tmp_path / 'out/report.html').read_text()  # mark-up is escaped
    again = DetectedFiles(str(tmp_path / 'out'), ['csv'], '', False, 2, begun=True)
    assert again.write_all(detections[:1], inferencer)
    assert read_events(tmp_path / 'out/events.csv').video_ids == ('x/1',)


@pytest.mark.parametrize(
    ('out', 'formats', 'report', 'message'),
    [
        ('there.csv', [], None, r'there\.csv exists and is left alone'),
        ('new.csv', [], 'there.html', r'there\.html exists and is left alone'),
        ('new.csv', ['csv', 'srt'], None, 'is one file, and there are 2 formats'),
        ('new.srt', [], None, 'srt holds one video a file, and there are 2'),
        ('new.xyz', [], None, 'names no format by its suffix'),
        ('folder', [], None, r'events\.json exists and is left alone'),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_found(tmp_path, monkeypatch, out, formats, report, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    for name in ('there.csv', 'there.html', 'folder/events.json'):
        (tmp_path / name).touch()
    with pytest.raises(UserInputError, match=message):
        DetectedFiles(out, formats, report, False, 2, begun=False)
