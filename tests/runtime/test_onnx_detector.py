"""Without torch a bundle gives the events that it gives with it. The graph is played by the model itself."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bundle import CLASSES, make_bundle, random_features, write_media
from torch_session import TorchSession, save_with_graph

from mmdel.inference import EventInferencer
from mmdel.inference.weights import build
from mmdel.runtime import OnnxDetector, onnx_detector
from mmdel.utils.errors import UserInputError

ROOT = Path(__file__).resolve().parents[2]
ALIGN = dict(type='mmdel.AlignStreams', reference='visual', mode='linear')


def make_detector(tmp_path, monkeypatch, bundle, **options):
    session = TorchSession(bundle)
    monkeypatch.setattr(onnx_detector, 'open_session', lambda path, device: session)
    folder = tmp_path / 'bundle'
    return OnnxDetector(folder if folder.exists() else save_with_graph(bundle, folder), **options)


def assert_same(events, expected):
    assert [event.label for event in events] == [event.label for event in expected] and len(events) > 1
    for name in ('start_sec', 'end_sec', 'scores'):
        np.testing.assert_allclose(getattr(events, name), getattr(expected, name), atol=1e-4)
    assert events.videos == expected.videos and events.labels == expected.labels


@pytest.mark.parametrize('bundle', ['plain', 'no window', 'resized', 'resized and cut', 'padded and without sound'])
def test_features_give_what_torch_gives(bundle, tmp_path, monkeypatch):
    changes = {
        'plain': dict(),
        'no window': dict(window=None),
        'resized': dict(window=None, grid=(ALIGN, dict(type='mmdel.ResizeStreams', length=50))),
        'resized and cut': dict(grid=(ALIGN, dict(type='mmdel.ResizeStreams', length=200))),
        'padded and without sound': dict(),
    }
    made = make_bundle(**changes[bundle])
    if bundle.startswith('padded'):
        made.model['data_preprocessor'].update(min_len=48, zero_streams=['audio'])
    detector = make_detector(tmp_path, monkeypatch, made)
    for num_sec in (2.0, 16.5, 90.0):
        features = random_features(num_sec)
        (expected,) = EventInferencer(made, device='cpu', amp='off')(features)
        assert_same(detector.detect(features), expected.events)


def test_windows_of_one_graph_give_what_two_stages_give(tmp_path, monkeypatch):
    """Of a model whose parts all see only so far, in a video of many windows."""
    made = make_bundle(overlap=None)
    made.model['backbone'] = dict(
        type='mmdel.TemporalPyramidBackbone',
        streams=['visual', 'audio'],
        in_channels={name: stream['channels'] for name, stream in made.streams.items()},
        embed_dims=16,
        num_levels=3,
        block=dict(type='mmdel.ConvTransformerBlock', window=5, num_heads=2),
    )
    made.model['neck'] = dict(type='mmdel.ConcatNeck', norm=dict(type='mmdel.ChannelLayerNorm'))
    torch.manual_seed(0)
    model = build(made.model)
    for conv in (model.head.cls_tower.last, model.head.regressor.tower.last):
        torch.nn.init.normal_(conv.weight, std=0.5)
    made = replace(made, weights=model.state_dict())
    features = random_features(300)
    (expected,) = EventInferencer(made, device='cpu', amp='off')(features)
    detector = make_detector(tmp_path, monkeypatch, made)
    assert_same(detector.detect(features), expected.events)
    windows = detector.settings.windows
    assert windows.length > windows.longest and len(features['visual']) > 5 * windows.stride


def test_files_give_what_their_features_give(tmp_path, monkeypatch):
    bundle = make_bundle()
    detector = make_detector(tmp_path, monkeypatch, bundle)
    (path,) = write_media(tmp_path / 'media', dict(clip=20))
    (expected,) = EventInferencer(bundle, device='cpu', amp='off')(path)
    assert_same(detector.detect(path), expected.events)
    features = random_features(20)
    np.save(tmp_path / 'a.npy', features['audio'])
    parts = [tmp_path / f'{index}.npy' for index in range(2)]
    for part, columns in zip(parts, np.split(features['visual'], [5], axis=1), strict=True):
        np.save(part, columns)
    given = detector.detect(dict(audio=tmp_path / 'a.npy', visual=parts))
    assert_same(given, detector.detect(features))


def test_score_threshold_and_classes_filter(tmp_path, monkeypatch):
    bundle, features = make_bundle(), random_features(20)
    everything = make_detector(tmp_path, monkeypatch, bundle, score_thr=0.0).detect(features)
    middle = float(np.median(everything.scores))
    some = make_detector(tmp_path, monkeypatch, bundle, score_thr=middle, classes=['bell', 'horn']).detect(features)
    assert [*some] == [*everything.filter(labels=['bell', 'horn'], min_score=middle)]
    assert 0 < len(some) < len(everything) and some.labels == CLASSES


def test_what_does_not_fit_is_told(tmp_path, monkeypatch):
    bundle, features = make_bundle(), random_features(20)
    detector = make_detector(tmp_path, monkeypatch, bundle)
    for wrong, message in (
        (dict(visual=features['visual']), r"reads the streams \['audio', 'visual'\], got \['visual'\]"),
        (dict(features, audio=features['visual']), r"'audio' is an array \(\d+, 24\) of float32; expected"),
        (dict(features, audio=features['audio'][::2]), r"'audio' has 100 steps in 20.00 s; expected 199 to 200"),
        (dict(features, visual=features['visual'] * np.inf), "'visual' are NaN or infinite"),
        (dict(features, visual=str(tmp_path / 'none.npy')), 'none.npy'),
    ):
        with pytest.raises(UserInputError, match=message):
            detector.detect(wrong)
    for options, message in ((dict(score_thr=2), 'score_thr must be'), (dict(classes=['cow']), "no class 'cow'")):
        with pytest.raises(UserInputError, match=message):
            make_detector(tmp_path, monkeypatch, bundle, **options)
    bundle.save(tmp_path / 'without')
    with pytest.raises(UserInputError, match=r'has no model\.onnx, .* mmdel export \S+without --onnx adds it'):
        OnnxDetector(tmp_path / 'without')


def test_a_graph_of_another_model_is_told(tmp_path, monkeypatch):
    bundle = make_bundle()
    session = TorchSession(bundle)
    session.channels['audio'] = 7
    folder = save_with_graph(bundle, tmp_path / 'bundle')
    monkeypatch.setattr(onnx_detector, 'open_session', lambda path, device: session)
    with pytest.raises(UserInputError, match=r"'T', 7\].*; expected float32 .* 'audio': 16"):
        OnnxDetector(folder)
    other = TorchSession(bundle)
    other.run = lambda names, inputs: [np.zeros((1, 3, 3), np.float32), np.zeros((1, 3, 3, 2), np.float32)]
    monkeypatch.setattr(onnx_detector, 'open_session', lambda path, device: other)
    with pytest.raises(UserInputError, match=r'gives \(1, 3, 3\) .* 3 classes and 3 levels, \d+ points'):
        OnnxDetector(folder).detect(random_features(5))


def test_nothing_but_numpy_and_the_standard_library_is_imported():
    """Nor by ``mmdel detect``; onnxruntime and PyAV come when a graph or a media file is opened."""
    code = f'import sys; sys.path.insert(0, {str(ROOT)!r}); import mmdel.runtime, mmdel.commands.detect'
    code += '; print(*sys.modules)'
    done = subprocess.run([sys.executable, '-I', '-c', code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    packages = {name.partition('.')[0] for name in done.stdout.split()} - sys.stdlib_module_names
    assert packages >= {'mmdel', 'numpy'}
    foreign = {'torch', 'mmengine', 'mmcv', 'mmaction', 'cv2', 'scipy', 'matplotlib', 'rich', 'safetensors', 'PIL'}
    assert packages.isdisjoint(foreign)
