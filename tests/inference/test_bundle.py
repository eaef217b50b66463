import json

import pytest
import torch
from safetensors.torch import load_file
from tiny_bundle import CLASSES, make_bundle

from mmdel.inference.bundle import Bundle
from mmdel.runtime.bundle_rules import DESCRIPTION_FILE
from mmdel.utils.errors import UserInputError


def assert_same(actual: Bundle, expected: Bundle):
    for name in ('model', 'classes', 'streams', 'grid', 'thresholds', 'provenance'):
        assert getattr(actual, name) == getattr(expected, name), name
    assert actual.weights.keys() == expected.weights.keys()
    assert all(torch.equal(value, expected.weights[name]) for name, value in actual.weights.items())


def test_what_is_saved_is_loaded(tmp_path):
    bundle = make_bundle()
    assert bundle.save(tmp_path / 'deep' / 'model') == tmp_path / 'deep' / 'model'
    loaded = Bundle.load(tmp_path / 'deep' / 'model')
    assert_same(loaded, bundle)
    assert loaded.extractors == {name: list(stream['extractors']) for name, stream in bundle.streams.items()}
    model = loaded.build_model()
    assert all(torch.equal(value, bundle.weights[name]) for name, value in model.state_dict().items())
    assert [path.name for path in (tmp_path / 'deep').iterdir()] == ['model']  # and nothing half made beside it


def test_half_precision_is_half_the_size_and_read_as_single(tmp_path):
    bundle = make_bundle()
    for half in (False, True):
        bundle.save(tmp_path / str(half), half=half)
    sizes = [(tmp_path / name / 'weights.safetensors').stat().st_size for name in ('True', 'False')]
    assert sizes[0] < 0.7 * sizes[1]
    loaded = Bundle.load(tmp_path / 'True').weights
    assert all(value.dtype == bundle.weights[name].dtype for name, value in loaded.items())
    assert all(torch.equal(value, bundle.weights[name].half().float()) for name, value in loaded.items() if value.ndim)


def test_files_of_extractors_are_part_of_it(tmp_path):
    (tmp_path / 'net.onnx').write_bytes(b'weights of a net')
    folder = make_bundle(files={'net.onnx': tmp_path / 'net.onnx'}).save(tmp_path / 'model')
    (tmp_path / 'net.onnx').unlink()
    assert Bundle.load(folder).files == {'net.onnx': folder / 'net.onnx'}
    assert (folder / 'net.onnx').read_bytes() == b'weights of a net'
    (folder / 'net.onnx').write_bytes(b'other weights')
    with pytest.raises(UserInputError, match=r'net\.onnx is missing, or not the file of this bundle'):
        Bundle.load(folder)


def test_paths_of_files_stand_in_the_configs_of_extractors(tmp_path):
    path = tmp_path / 'net.onnx'
    config = dict(type='mmdel.X', model='net.onnx', names=['net.onnx', 'other'], options=dict(fit='crop'))
    bundle = make_bundle(
        streams={'visual': dict(extractors=[config], stride=1, window=1, fps=1, channels=1)}, files={'net.onnx': path}
    )
    expected = dict(type='mmdel.X', model=str(path), names=[str(path), 'other'], options=dict(fit='crop'))
    assert bundle.extractors == dict(visual=[expected])


def test_a_bundle_that_is_there_stays_unless_it_may_be_replaced(tmp_path):
    first, second = make_bundle(0), make_bundle(1)
    folder = first.save(tmp_path / 'model')
    with pytest.raises(UserInputError, match='exists and is left alone'):
        second.save(folder)
    assert_same(Bundle.load(folder), first)
    second.save(folder, overwrite=True)
    assert_same(Bundle.load(folder), second)
    (tmp_path / 'holidays').mkdir()
    with pytest.raises(UserInputError, match='exists and is no bundle'):
        second.save(tmp_path / 'holidays', overwrite=True)


def test_what_could_not_be_read_is_not_written(tmp_path):
    extractor = dict(type='mmdel.NoSuchExtractor')
    streams = {name: dict(stream, extractors=[extractor]) for name, stream in make_bundle().streams.items()}
    with pytest.raises(UserInputError, match=r'NoSuchExtractor.*an extractor of mmdel'):
        make_bundle(streams=streams).save(tmp_path / 'model')
    with pytest.raises(UserInputError, match='2 classes are named, and the model has 3'):
        make_bundle(classes=CLASSES[:2]).save(tmp_path / 'model')
    assert not [*tmp_path.iterdir()]


def test_the_description_is_plain_text_for_people(tmp_path):
    folder = make_bundle().save(tmp_path / 'model')
    content = json.loads((folder / DESCRIPTION_FILE).read_text(encoding='ascii'))
    assert content['format'] == 'mmdel-bundle' and content['version'] == 1
    assert content['classes'] == list(CLASSES)
    assert load_file(folder / 'weights.safetensors').keys() == make_bundle().weights.keys()
