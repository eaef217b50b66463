import re

import numpy as np
import pytest
import torch
from tiny_bundle import CLASSES, WINDOW, make_bundle, random_features, write_media

from mmdel.datasets.transforms.aligning import resample
from mmdel.features import build_streams, extract_all
from mmdel.inference import EventInferencer
from mmdel.inference.weights import build
from mmdel.models.detectors.window_stream import WindowStream
from mmdel.structures import EventDataSample
from mmdel.utils.errors import UserInputError

DEVICE = 'cpu'


@pytest.fixture(scope='module')
def bundle():
    return make_bundle()


def whole_video(bundle, features, duration_sec):
    """What the detector itself says of a whole video, features resampled as ``AlignStreams`` does: rows of events."""
    model = bundle.build_model()
    reference, num_steps = bundle.grids['visual'], len(features['visual'])
    inputs = {
        name: [torch.from_numpy(resample(x, bundle.grids[name], reference, num_steps, 'linear'))]
        for name, x in features.items()
    }
    sample = EventDataSample(
        metainfo=dict(video_id='x', duration_sec=duration_sec, num_steps=num_steps, grid=reference)
    )
    batch = model.data_preprocessor(dict(inputs=inputs, data_samples=[sample]))
    with torch.no_grad():
        (sample,) = model(**batch, mode='predict')
    found = sample.pred_instances
    kept = found.scores >= bundle.thresholds['score']
    rows = zip(found.segments_sec[kept].tolist(), found.labels[kept].tolist(), found.scores[kept].tolist(), strict=True)
    return sorted((start, end, bundle.classes[label], score) for (start, end), label, score in rows)


def rows_of(detection):
    return sorted((event.start_sec, event.end_sec, event.label, event.score) for event in detection.events)


def assert_same(actual, expected):
    assert len(actual) == len(expected) > 2
    assert [row[2] for row in actual] == [row[2] for row in expected]
    for place in (0, 1, 3):
        np.testing.assert_allclose([row[place] for row in actual], [row[place] for row in expected], atol=1e-4)


@pytest.mark.parametrize('overlap', [0.5, None])
@pytest.mark.parametrize('num_sec', [3.0, 15.0, 16.5, 60.0, 333.0])
def test_features_of_any_length_give_what_the_whole_video_gives(overlap, num_sec):
    """In one piece up to a window of 16 s; beyond it in windows, as the detector's own over the whole array."""
    bundle = make_bundle(overlap=overlap)
    features = random_features(num_sec)
    (detection,) = EventInferencer(bundle, device=DEVICE)(features)
    assert detection.error is None and detection.video_id == 'video'
    assert detection.duration_sec == bundle.grids['visual'].end_sec(len(features['visual']))
    assert_same(rows_of(detection), whole_video(bundle, features, detection.duration_sec))


def test_media_give_what_their_features_give(bundle, tmp_path):
    """From a short and a long file, straight or by way of all their features; and no file without its error."""
    paths = write_media(tmp_path, dict(short=5, long=70))
    (tmp_path / 'broken.mp4').write_bytes(paths[0].read_bytes()[:200])
    found = {detection.video_id: detection for detection in EventInferencer(bundle, device=DEVICE)(tmp_path)}
    assert found.keys() == {'short', 'long', 'broken'}
    assert str(tmp_path / 'broken.mp4') in found['broken'].error and len(found['broken'].events) == 0
    for path in paths:
        extracted = extract_all(path, build_streams(bundle.extractors))
        detection = found[path.stem]
        assert detection.duration_sec == extracted.info.duration_sec and detection.seconds > 0
        assert_same(rows_of(detection), whole_video(bundle, extracted.features, detection.duration_sec))


@pytest.mark.parametrize('num_workers', [1, 3])
def test_a_batch_gives_what_its_videos_give_one_by_one(bundle, num_workers):
    """In the order of the inputs, with long videos between, in whole batches and not."""
    videos = [random_features(num_sec, seed) for seed, num_sec in enumerate([5, 12, 7.5, 40, 9, 3, 15, 100, 6])]
    one_by_one = [*EventInferencer(bundle, device=DEVICE)(videos)]
    batched = [*EventInferencer(bundle, device=DEVICE, batch_size=4, num_workers=num_workers)(iter(videos))]
    assert [detection.video_id for detection in batched] == ['video', *(f'video_{n}' for n in range(2, 10))]
    for actual, expected in zip(batched, one_by_one, strict=True):
        assert actual.duration_sec == expected.duration_sec
        assert_same(rows_of(actual), rows_of(expected))


def test_results_come_as_they_are_done(bundle):
    """A generator is not asked for more than a few videos ahead of those that are found."""
    taken = []

    def videos():
        for number in range(50):
            taken.append(number)
            yield dict(random_features(3), video_id=f'v{number}')

    found = EventInferencer(bundle, device=DEVICE)(videos())
    assert next(found).video_id == 'v0' and next(found).video_id == 'v1'
    assert len(taken) < 8
    found.close()


def test_score_threshold_and_classes_filter(bundle):
    features = random_features(20)
    (everything,) = EventInferencer(bundle, device=DEVICE, score_thr=0)(features)
    middle = float(np.median(everything.events.scores))
    (some,) = EventInferencer(bundle, device=DEVICE, score_thr=middle, classes=['bell', 'horn'])(features)
    expected = everything.events.filter(labels=['bell', 'horn'], min_score=middle)
    assert [*some.events] == [*expected] and 0 < len(some.events) < len(everything.events)
    assert some.events.labels == CLASSES
    assert (np.diff(everything.events.start_sec) >= 0).all()


def test_a_model_without_windows_sees_all_at_once():
    bundle = make_bundle(window=None)
    features = random_features(60)
    (detection,) = EventInferencer(bundle, device=DEVICE)(features)
    assert_same(rows_of(detection), whole_video(bundle, features, detection.duration_sec))


def test_resized_streams_are_resized():
    align = dict(type='mmdel.AlignStreams', reference='visual', mode='linear')
    resize = dict(type='mmdel.ResizeStreams', length=50)
    bundle = make_bundle(window=None, grid=(align, resize))
    features = random_features(40)
    (detection,) = EventInferencer(bundle, device=DEVICE)(features)
    grid, num_steps = bundle.grids['visual'], len(features['visual'])
    resized = grid.resized(num_steps, bundle.shaping.resize.length)
    by_hand = make_bundle(
        window=None,
        streams={
            name: dict(stream, stride=resized.stride, window=resized.window, fps=resized.fps)
            for name, stream in bundle.streams.items()
        },
    )
    aligned = {name: resample(x, bundle.grids[name], grid, num_steps, 'linear') for name, x in features.items()}
    whole = {name: resample(x, grid, resized, 50, 'linear') for name, x in aligned.items()}
    assert_same(rows_of(detection), whole_video(by_hand, whole, detection.duration_sec))


def test_zeroed_streams_are_zero_in_windows_too():
    model = make_bundle().model
    zeroed = dict(model, data_preprocessor=dict(type='mmdel.EventDataPreprocessor', zero_streams=['audio']))
    bundle, features = make_bundle(model=zeroed), random_features(60)
    (detection,) = EventInferencer(bundle, device=DEVICE)(features)
    assert_same(rows_of(detection), whole_video(bundle, features, detection.duration_sec))


@pytest.mark.parametrize(
    ('features', 'message'),
    [
        (dict(visual=np.zeros((9, 24), np.float32)), r"reads the streams \['audio', 'visual'\], got \['visual'\]"),
        (dict(visual=np.zeros((9, 7), np.float32), audio=np.zeros((9, 16))), r"stream 'visual' is an array \(9, 7\)"),
        (dict(visual=np.zeros((9, 24)), audio=np.full((24, 16), np.nan)), "stream 'audio' are NaN or infinite"),
        (dict(visual=np.zeros((9, 24)), audio=np.zeros((90, 16))), "stream 'audio': 90 steps in"),
        (dict(visual='/nowhere/x.npy', audio=np.zeros((9, 16))), '/nowhere/x.npy'),
    ],
)
def test_a_wrong_video_is_a_row_with_its_error(bundle, features, message):
    good = random_features(5)
    found = [*EventInferencer(bundle, device=DEVICE, batch_size=3)([good, features, good])]
    assert [detection.error is None for detection in found] == [True, False, True]
    assert re.search(message, found[1].error), found[1].error
    assert len(found[1].events) == 0 and len(found[2].events) > 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(model='no_such_folder'), 'there is no bundle no_such_folder'),
        (dict(model='configs/del_demo.py'), 'mmdel export makes one'),
        (dict(device='warp'), "device 'warp' cannot be used"),
        (dict(batch_size=0), 'batch_size and num_workers must be 1 or more'),
        (dict(score_thr=1.5), r'score_thr must be in \[0, 1\]'),
        (dict(classes=['bel']), "no class 'bel'; did you mean bell"),
        (dict(amp='bf61'), "amp is one of auto, bf16, fp16, off or None; got 'bf61'"),
    ],
)
def test_wrong_arguments(bundle, options, message):
    with pytest.raises(UserInputError, match=message):
        EventInferencer(**{**dict(model=bundle, device=DEVICE), **options})


def test_whoever_takes_the_detections_may_train_meanwhile(bundle):
    videos = [random_features(num_sec, seed) for seed, num_sec in enumerate([12, 70, 12])]
    for _ in EventInferencer(bundle, device=DEVICE)(videos):
        assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()


def test_half_precision_finds_almost_the_same(bundle, half_precision):
    """By default where the device has units for it, of short and of long videos."""
    videos = [random_features(num_sec, seed) for seed, num_sec in enumerate([12, 70])]
    exact = EventInferencer(bundle, device=DEVICE, amp='off')
    assert exact.number_format == 'float32'
    for amp, number_format in [(None, 'bfloat16'), ('fp16', 'float16')]:
        detect = EventInferencer(bundle, device=DEVICE, amp=amp)
        assert detect.number_format == number_format
        for half, full in zip(detect(videos), exact(videos), strict=True):
            best = [sorted(found.events, key=lambda event: -event.score)[:5] for found in (half, full)]
            assert [event.label for event in best[0]] == [event.label for event in best[1]]
            for name, tolerance in (('score', 0.015), ('start_sec', 0.2), ('end_sec', 0.2)):
                pairs = np.array([[getattr(event, name) for event in events] for events in best])
                assert 0 < np.abs(np.diff(pairs, axis=0)).max() < tolerance
        assert not torch.is_autocast_enabled(DEVICE)


def test_a_bundle_without_extractors_takes_no_media(tmp_path):
    paths = write_media(tmp_path, dict(a=3))
    detect = EventInferencer(make_bundle(extractors={}), device=DEVICE)
    with pytest.raises(UserInputError, match='no extractors for media files: it takes ready features'):
        [*detect(paths)]
    (detection,) = detect(random_features(5))
    assert detection.error is None


@pytest.mark.parametrize('overlap', [0.5, None])
def test_no_more_than_some_windows_are_held(overlap, monkeypatch):
    """However long the video: what is held of its steps, and of its pyramids, is counted at each block."""
    bundle, held = make_bundle(overlap=overlap), []
    detect = EventInferencer(bundle, device=DEVICE)
    push, model = WindowStream.push, detect.model
    most = [9 * WINDOW]
    if overlap is None:
        first, second = model.sliding_window.stages(model.backbone, model.neck, model.head)
        most = [first.length + WINDOW, second.length + first.step]

    def push_and_count(stream, streams):
        push(stream, streams)
        lines = [line for line in (stream._steps, stream._levels) if line is not None]
        held.append([sum(len(rows[0]) for rows in line._blocks) for line in lines])

    monkeypatch.setattr(WindowStream, 'push', push_and_count)
    assert len([*detect(random_features(3000))]) == 1
    assert len(held) > 300 and len(held[-1]) == len(most)
    assert all(max(counts) <= limit for counts, limit in zip(zip(*held[-300:], strict=True), most, strict=True))


def test_the_model_is_built_of_the_bundle_alone(bundle):
    """Its weights are the bundle's, not those that a new model is made with."""
    model, other = EventInferencer(bundle, device=DEVICE).model, build(bundle.model)
    assert all(torch.equal(value, bundle.weights[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert any(not torch.equal(value, bundle.weights[name]) for name, value in other.state_dict().items())


@pytest.mark.parametrize(('num_sec', 'most'), [(12.0, 3), (60.0, 12)])
def test_a_video_that_may_have_more_events_than_the_model_gives_is_noted(bundle, num_sec, most):
    """Three events a window of 64 steps, and 239 steps in a minute."""
    detect = EventInferencer(bundle, device=DEVICE, score_thr=0.0)
    detect.model.head.nms.max_num = 3
    (full,) = detect(random_features(num_sec))
    assert len(full.events) == most and f'{most} events of a video this long at most' in full.notes[-1]
    detect.score_thr = float(full.events.scores.min()) + 1e-6  # so that what is left out is below it
    (some,) = detect(random_features(num_sec))
    assert len(some.events) == most - 1 and some.notes == []
