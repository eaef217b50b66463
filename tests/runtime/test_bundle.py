"""Bundles by their names, and what of them is read without torch."""

import json

import pytest
from tiny_bundle import CLASSES, make_bundle
from torch_session import save_with_graph

from mmdel.inference import Bundle
from mmdel.runtime import bundle as module
from mmdel.runtime.bundle import OnnxBundle, find_bundle
from mmdel.runtime.bundle_rules import ONNX_FILE
from mmdel.utils.errors import UserInputError


def test_a_bundle_is_found_by_its_path_or_its_name(tmp_path, monkeypatch):
    shipped = make_bundle().save(tmp_path / 'shipped' / 'demo')
    own = make_bundle().save(tmp_path / 'own')
    monkeypatch.setattr(module, 'SHIPPED', tmp_path / 'shipped')
    monkeypatch.chdir(tmp_path)
    assert find_bundle('demo') == shipped
    assert find_bundle('own').resolve() == own and find_bundle(own) == own
    with pytest.raises(UserInputError, match=r'there is no bundle demos.*; or one of demo'):
        find_bundle('demos')
    with pytest.raises(UserInputError, match='there is no bundle x/demo'):
        find_bundle('x/demo')
    with pytest.raises(UserInputError, match='by --config and --checkpoint, where you trust them'):
        find_bundle('model.pth')


def test_with_a_graph_it_opens_both_ways_and_is_whole_or_refused(tmp_path):
    bundle = make_bundle()
    folder = save_with_graph(bundle, tmp_path / 'model')
    read, whole = OnnxBundle.load(folder), Bundle.load(folder)
    assert read.classes == whole.classes == CLASSES and read.files == whole.files == {}
    assert read.grids == whole.grids and read.extractors == whole.extractors and read.graph == folder / ONNX_FILE
    assert (read.reference, read.mode, read.resized_length) == ('visual', 'linear', None)
    assert read.settings.windows.length == 64 and read.weights_sha256 == whole.weights_sha256
    (folder / ONNX_FILE).write_bytes(b'another')
    for load in (OnnxBundle.load, Bundle.load):
        with pytest.raises(UserInputError, match=r'model\.onnx is missing, or not the file of this bundle'):
            load(folder)
    content = json.loads((folder / 'bundle.json').read_text())
    content['files'] = {ONNX_FILE: '0' * 64}
    (folder / 'bundle.json').write_text(json.dumps(content))
    with pytest.raises(UserInputError, match=r"files is 'model\.onnx'; expected the plain name"):
        Bundle.load(folder)
