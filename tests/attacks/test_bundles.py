"""Hostile bundles: each is refused, in words, before anything of it is run or much memory is taken."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path

import pytest
import torch
from documented import documented
from safetensors.torch import load_file, save_file
from sandbox import run_apart
from tiny_bundle import CLASSES, make_bundle, random_features

from mmdel.features import EXTRACTORS, Extractor
from mmdel.inference import Bundle, EventInferencer
from mmdel.inference.onnx_bundle import settings_of
from mmdel.media import SoundRate
from mmdel.utils.files import digest

SECTION = 'Bundles'
DEEP = 10_000


@pytest.fixture(scope='module')
def good(tmp_path_factory) -> Path:
    return make_bundle().save(tmp_path_factory.mktemp('good') / 'model')


def set_at(*place):
    """A function: puts a value at a place of the description."""

    def change(content, value):
        for key in place[:-1]:
            content = content[key]
        content[place[-1]] = value

    return change


def drop(content, key):
    del content[key]


HEAD, BACKBONE, VISUAL = ('model', 'head'), ('model', 'backbone'), ('streams', 'visual')
GRAPH = settings_of(make_bundle().build_model(), '0' * 64).write()
# Name → how the description is changed, and to what.
DESCRIPTIONS = {
    'os.system': (set_at(*HEAD, 'type'), 'os.system'),
    'part of mmengine': (set_at(*HEAD, 'type'), 'mmengine.BaseModel'),
    'part of torch': (set_at(*HEAD, 'type'), 'torch.nn.Module'),
    'part of torch, in disguise': (set_at(*HEAD, 'type'), 'mmdel.torch.nn.Module'),
    'path as a part': (set_at(*HEAD, 'type'), 'mmdel.models.heads.anchor_free_head.AnchorFreeHead'),
    'data set as a part': (set_at(*HEAD, 'type'), 'mmdel.EventDataset'),
    'type that is a list': (set_at(*HEAD, 'type'), ['mmdel.AnchorFreeHead']),
    'type without a scope': (set_at(*HEAD, 'type'), 'AnchorFreeHead'),
    'other model': (set_at('model', 'type'), 'mmdel.MMActionLocalizer'),
    'type in an argument': (set_at(*HEAD, 'min_length'), dict(type='os.system', command='true')),
    'weights from elsewhere': (
        set_at(*HEAD, 'init_cfg'),
        dict(type='Pretrained', checkpoint='https://example.org/x.pth'),
    ),
    'scope': (set_at(*HEAD, '_scope_'), 'mmengine'),
    'unknown argument': (set_at(*HEAD, 'command'), 'true'),
    'a billion channels': (set_at(*BACKBONE, 'embed_dims'), 10**9),
    'a million channels': (set_at(*BACKBONE, 'embed_dims'), 2**20),
    'twice the channels': (set_at(*BACKBONE, 'embed_dims'), 32),
    'a thousand levels': (set_at(*BACKBONE, 'num_levels'), 1000),
    'two hundred layers': (set_at(*BACKBONE, 'align', 'num_layers'), 200),
    'a million classes': (set_at(*HEAD, 'num_classes'), 10**6),
    'number of a thousand digits': (set_at(*HEAD, 'num_classes'), 10**1000),
    'NaN': (set_at(*HEAD, 'min_length'), float('nan')),
    'negative width': (set_at(*BACKBONE, 'embed_dims'), -16),
    'no window': (set_at('model', 'test_cfg', 'window'), 0),
    'file outside': (set_at('files'), {'../x': '0' * 64}),
    'file at a path': (set_at('files'), {'/etc/passwd': '0' * 64}),
    'hidden file': (set_at('files'), {'.x': '0' * 64}),
    'file that is not there': (set_at('files'), {'x.onnx': '0' * 64}),
    'extractor with a path': (
        set_at(*VISUAL, 'extractors'),
        [dict(type='mmdel.FrameGridExtractor', fit='../../etc/passwd')],
    ),
    'extractor of huge pictures': (
        set_at(*VISUAL, 'extractors'),
        [dict(type='mmdel.FrameGridExtractor', height=10**6)],
    ),
    'extractor that runs code': (set_at('streams', 'audio', 'extractors'), [dict(type='mmdel.HostileExtractor')]),
    'extractor of another package': (set_at(*VISUAL, 'extractors'), [dict(type='os.system', command='true')]),
    'model as an extractor': (set_at(*VISUAL, 'extractors'), [dict(type='mmdel.EventDetector')]),
    'stream with a path': (set_at('streams'), {'../x': dict(make_bundle().streams['visual'])}),
    'no stream': (set_at('streams'), {}),
    'grid of no step': (set_at(*VISUAL, 'stride'), 0),
    'transform that reads files': (
        set_at('grid'),
        [dict(type='mmdel.LoadVideoScores', score_file='/etc/passwd')],
    ),
    'reference that is a list': (
        set_at('grid'),
        [dict(type='mmdel.AlignStreams', reference=['visual'], mode='linear')],
    ),
    'resized to a billion': (
        set_at('grid'),
        [
            dict(type='mmdel.AlignStreams', reference='visual', mode='linear'),
            dict(type='mmdel.ResizeStreams', length=10**9),
        ],
    ),
    'classes that are no names': (set_at('classes'), [['x'], 1, None]),
    'class that stands twice': (set_at('classes'), ['x', 'x', 'y']),
    'threshold': (set_at('thresholds'), dict(score='0.5; import os')),
    'unknown key': (set_at('run'), 'true'),
    'no model': (drop, 'model'),
    'graph that is not there': (set_at('onnx'), GRAPH),
    'graph of a million levels': (set_at('onnx'), dict(GRAPH, num_levels=10**6)),
    'graph with a path': (set_at('onnx'), dict(GRAPH, file='/etc/passwd')),
    'graph of another digest': (set_at('onnx'), dict(GRAPH, sha256='../x')),
    'other format': (set_at('format'), 'pickle'),
    'version of the future': (set_at('version'), 2),
    'weights of another bundle': (set_at('weights_sha256'), 'f' * 64),
}


def header_of(path: Path) -> tuple[dict, bytes]:
    content = path.read_bytes()
    (size,) = struct.unpack('<Q', content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def write_header(path: Path, header: dict | str, body: bytes, size: int | None = None) -> None:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    path.write_bytes(struct.pack('<Q', len(text) if size is None else size) + text + body)


def grown(path: Path) -> None:
    """A tensor that says that it is of terabytes."""
    header, body = header_of(path)
    name = next(name for name in header if name != '__metadata__')
    header[name]['shape'] = [10**6, 10**6]
    write_header(path, header, body)


def overlapping(path: Path) -> None:
    header, body = header_of(path)
    names = [name for name, part in header.items() if name != '__metadata__' and len(part['shape']) == 1][:2]
    header[names[0]] = header[names[1]]
    write_header(path, header, body)


def with_weight(name: str, value):
    def change(path: Path) -> None:
        weights = load_file(path)
        weights.update({name: value} if value is not None else {})
        if value is None:
            del weights[name]
        save_file(weights, path)

    return change


WEIGHT = 'head.cls_tower.last.bias'
# Name → what is done to the file of weights. Its digest in the description is made to fit.
WEIGHTS = {
    'cut off': lambda path: path.write_bytes(path.read_bytes()[:-10]),
    'half a header': lambda path: path.write_bytes(path.read_bytes()[:100]),
    'nothing': lambda path: path.write_bytes(b''),
    'header of terabytes': lambda path: write_header(path, {}, b'', size=2**42),
    'tensor of terabytes': grown,
    'tensors that overlap': overlapping,
    'header that is no JSON': lambda path: write_header(path, '__import__("os").system("true")', b''),
    'deep header': lambda path: write_header(path, '[' * DEEP + ']' * DEEP, b''),
    'file of torch': lambda path: torch.save({name: weight.clone() for name, weight in load_file(path).items()}, path),
    'NaN among them': with_weight(WEIGHT, torch.full((len(CLASSES),), float('nan'))),
    'one too few': with_weight(WEIGHT, None),
    'one too many': with_weight('backbone.more', torch.zeros(3)),
    'one of another shape': with_weight(WEIGHT, torch.zeros(len(CLASSES) + 1)),
    'complex numbers': with_weight(WEIGHT, torch.zeros(len(CLASSES), dtype=torch.complex64)),
    'pipe': lambda path: (path.unlink(), os.mkfifo(path)),
}
TEXTS = {
    'not JSON': lambda text: text[: len(text) // 2],
    'deep JSON': lambda text: '[' * 10**5 + ']' * 10**5,
    'deep model': lambda text: text.replace('"min_length": 0.05', '"min_length": ' + '[' * 100 + ']' * 100),
    'infinity': lambda text: text.replace('"overlap": 0.5', '"overlap": Infinity'),
    'key that stands twice': lambda text: text.replace('"version": 1', '"version": 1, "version": 1'),
    'not UTF-8': lambda text: text.replace('"format"', '"\udcff"'),
    'too large': lambda text: text + ' ' * 2**24,
}


def refused(folder: Path) -> str:
    """What is said of a bundle when it is loaded, in a process of its own."""
    answer = run_apart(lambda: Bundle.load(folder).classes)
    assert answer.startswith('refused: '), answer
    return answer.removeprefix('refused: ').replace(f'{folder}/', '').replace(str(folder), 'the bundle')


def fits(message: str, expected: str) -> bool:
    """Whether a message is as documented, where … stands for anything."""
    position = 0
    for part in expected.split('…'):
        position = message.find(part.strip(), position)
        if position < 0:
            return False
    return True


@pytest.mark.parametrize('name', DESCRIPTIONS)
def test_descriptions_that_are_refused(name, good, tmp_path, monkeypatch):
    change, value = DESCRIPTIONS[name]

    class HostileExtractor(Extractor):
        runs_code = True

        def __init__(self):
            super().__init__(SoundRate(8000), 1, 1, 1)

        def __call__(self, frames):
            return frames[:, None]

    HostileExtractor.__module__ = 'mmdel.features.hostile'
    monkeypatch.setitem(EXTRACTORS, 'HostileExtractor', HostileExtractor)
    folder = shutil.copytree(good, tmp_path / 'model')
    content = json.loads((folder / 'bundle.json').read_text())
    change(content, value)
    (folder / 'bundle.json').write_text(json.dumps(content))
    message = refused(folder)
    assert fits(message, documented(SECTION)[name]), message


@pytest.mark.parametrize('name', WEIGHTS)
def test_weights_that_are_refused(name, good, tmp_path):
    folder = shutil.copytree(good, tmp_path / 'model')
    path = folder / 'weights.safetensors'
    WEIGHTS[name](path)
    content = json.loads((folder / 'bundle.json').read_text())
    content['weights_sha256'] = digest(path) if path.is_file() else '0' * 64
    (folder / 'bundle.json').write_text(json.dumps(content))
    message = refused(folder)
    assert fits(message, documented(SECTION)[name]), message


@pytest.mark.parametrize('name', TEXTS)
def test_texts_that_are_refused(name, good, tmp_path):
    folder = shutil.copytree(good, tmp_path / 'model')
    path = folder / 'bundle.json'
    content = json.loads(path.read_text())
    content['model']['head']['min_length'] = 0.05
    text = json.dumps(content)
    changed = TEXTS[name](text)
    assert changed != text
    path.write_bytes(changed.encode(errors='surrogateescape'))
    message = refused(folder)
    assert fits(message, documented(SECTION)[name]), message


def test_all_that_is_documented_is_tried():
    assert documented(SECTION).keys() == DESCRIPTIONS.keys() | WEIGHTS.keys() | TEXTS.keys()


def test_a_link_leads_to_data_at_most(good, tmp_path):
    """A file of a bundle may be a link, as downloads of hubs are: what it leads to must have the digest."""
    folder = shutil.copytree(good, tmp_path / 'model')
    shutil.move(folder / 'weights.safetensors', tmp_path / 'blob')
    (folder / 'weights.safetensors').symlink_to(tmp_path / 'blob')
    assert Bundle.load(folder).classes == CLASSES
    (tmp_path / 'blob').write_bytes(b'other')
    assert 'safetensors' in refused(folder)


def test_markup_in_names_of_classes_is_a_name(good):
    (detection,) = EventInferencer(good, device='cpu')(random_features(20))
    assert detection.events.labels[0] == 'dog <b>bark</b>'


def test_nothing_is_imported_and_no_module_of_a_name_looked_for(good, tmp_path, monkeypatch):
    """A module that lies in the folder from which people work is not taken for a part."""
    trap = tmp_path / 'was_run'
    (tmp_path / 'trap.py').write_text(f'import pathlib\npathlib.Path({str(trap)!r}).touch()\n')
    folder = shutil.copytree(good, tmp_path / 'model')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for kind in ('trap.X', 'mmdel.trap.X', 'trap'):
        content = json.loads((good / 'bundle.json').read_text())
        content['model']['head']['type'] = kind
        (folder / 'bundle.json').write_text(json.dumps(content))
        assert 'the name of a part of mmdel' in refused(folder)
    assert not trap.exists()
