"""Without torch, ``mmdel detect`` and its inferencer give what they give with it. The graph is played by torch."""

import numpy as np
import pytest
from tiny_bundle import make_bundle, random_features, write_media
from torch_session import TorchSession, save_with_graph

from mmdel.commands import detect, main
from mmdel.inference import EventInferencer, OnnxInferencer
from mmdel.inference.detection import Detection
from mmdel.runtime import onnx_detector
from mmdel.utils.errors import UserInputError


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    bundle = make_bundle()
    return bundle, save_with_graph(bundle, tmp_path_factory.mktemp('model') / 'bundle')


@pytest.fixture(autouse=True)
def played(model, monkeypatch):
    session = TorchSession(model[0])
    monkeypatch.setattr(onnx_detector, 'open_session', lambda path, device: session)


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('videos')
    paths = write_media(folder, dict(short=5, long=40))
    (folder / 'broken.mp4').write_bytes(paths[0].read_bytes()[:200])
    return folder


def test_videos_and_features_give_what_torch_gives(model, videos):
    bundle, folder = model
    inputs = [videos, dict(random_features(12), video_id='ready'), dict(visual=np.ones((3, 24)), video_id='wrong')]
    found = [*OnnxInferencer(folder, num_workers=2)(inputs)]
    expected = [*EventInferencer(bundle, device='cpu', amp='off')(inputs)]
    assert [x.video_id for x in found] == ['broken', 'long', 'short', 'ready', 'wrong']
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.path, ours.duration_sec, ours.error, ours.notes) == (
            theirs.path,
            theirs.duration_sec,
            theirs.error,
            theirs.notes,
        )
        assert type(ours) is Detection and (ours.seconds > 0 or ours.error)
        assert [event.label for event in ours.events] == [event.label for event in theirs.events]
        for name in ('start_sec', 'end_sec', 'scores'):
            np.testing.assert_allclose(getattr(ours.events, name), getattr(theirs.events, name), atol=1e-4)
    assert [bool(x.error) for x in found] == [True, False, False, False, True]


def test_a_video_that_may_have_more_events_says_so(model):
    (found,) = OnnxInferencer(model[1], score_thr=0.0)(random_features(20))
    (expected,) = EventInferencer(model[0], score_thr=0.0, device='cpu', amp='off')(random_features(20))
    assert len(found.notes) == 1 and found.notes == expected.notes


def test_detect_takes_it_where_torch_is_not(model, videos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(detect, 'find_spec', lambda name: None)
    words = ['detect', str(videos / 'short.mp4'), '--model', str(model[1]), '--out', str(tmp_path / 'found')]
    main([*words, '--format', 'csv', '--report'])
    assert {path.name for path in (tmp_path / 'found').iterdir()} == {
        'videos',
        'events.json',
        'events.csv',
        'report.html',
    }
    capsys.readouterr()
    main(words)
    assert '1 videos were finished before' in capsys.readouterr().out
    for more, message in (
        (['--config', 'x.py', '--checkpoint', 'x.pth'], '--config is run by'),
        (['--amp'], '--amp is for'),
        (['--compile'], '--compile is for'),
    ):
        with pytest.raises(SystemExit, match='2'):
            main([*words, *more])
        assert message in capsys.readouterr().err


def test_numbers_out_of_range_are_refused(model):
    with pytest.raises(UserInputError, match='num_workers must be 1 or more'):
        OnnxInferencer(model[1], num_workers=0)
