"""tools/data/pack.py: what a config reads from the packed file is what it reads from its files, bit by bit."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from checkable_data import CheckableData
from mmengine.config import Config

from mmdel.datasets import feature_pack
from mmdel.datasets.from_config import build_datasets
from mmdel.datasets.transforms import loading

pytest.importorskip('lmdb')


@pytest.fixture
def data(tmp_path) -> CheckableData:
    """Five videos with two streams, one of them of two files of other types and lengths."""
    data = CheckableData(tmp_path / 'data', num_train=3, num_test=2)
    for video_id in data.database:
        data.change(video_id, 'rgb', lambda array: array.astype(np.float16))
        data.change(video_id, 'flow', lambda array: array[:-1].astype(np.float64))
    return data


@pytest.fixture
def config(data) -> Path:
    return data.config


@pytest.fixture
def pack(run_tool_here):
    """Runs the tool; returns its exit status and what it said."""

    def run(*args) -> tuple[int, str, str]:
        done = run_tool_here('tools/data/pack.py', *args)
        feature_pack._files.clear()
        return done.returncode, done.stdout, done.stderr

    yield run
    feature_pack._files.clear()


def samples(config: str | Path) -> dict[str, dict[str, torch.Tensor]]:
    """Everything that the loaders' data sets give: video → stream → features."""
    found = {}
    for dataset in build_datasets(Config.fromfile(config), 'train', 'val', 'test').values():
        for item in (dataset[index] for index in range(len(dataset))):
            found[item['data_samples'].video_id] = item['inputs']
    return found


@pytest.mark.parametrize('dtype', [None, 'float32', 'float16'])
def test_the_config_that_is_shown_reads_the_same_features(data, config, pack, dtype, tmp_path):
    out, files = tmp_path / 'packed.lmdb', samples(config)
    status, said, _ = pack(config, '--out', out, *(['--dtype', dtype] if dtype else []))
    assert status == 0 and '10 features, ' in said
    (tmp_path / 'packed.py').write_text(said[said.index('_base_') :])
    shutil.rmtree(data.root / 'features')
    packed = samples(tmp_path / 'packed.py')
    assert packed.keys() == files.keys() == data.database.keys()
    for name, inputs in files.items():
        assert inputs['visual'].shape[1] == 12
        expected = inputs['visual'].half().float() if dtype == 'float16' else inputs['visual']
        assert torch.equal(packed[name]['visual'], expected)
        tolerance = 1e-2 if dtype == 'float16' else 0.0
        torch.testing.assert_close(packed[name]['audio'], inputs['audio'], atol=tolerance, rtol=0)
    stored = {feature_pack.read_shape(f'{out}/{name}/train_00')[1] for name in ('visual', 'audio')}
    assert stored == {np.dtype(dtype or 'float32')}


def test_resized_features_stay_so(config, pack, tmp_path):
    plain = 'stride=8, window=24, channels'
    config.write_text(config.read_text().replace(plain, 'resized=True, channels'))
    status, said, _ = pack(config, '--out', tmp_path / 'packed.lmdb')
    assert status == 0
    (tmp_path / 'packed.py').write_text(said[said.index('_base_') :])
    packed, files = (build_datasets(Config.fromfile(path), 'train') for path in (tmp_path / 'packed.py', config))
    for one, other in zip(packed['train_dataloader'], files['train_dataloader'], strict=True):
        grid = one['data_samples'].grid
        assert grid == other['data_samples'].grid and grid.step_sec != 0.32
        assert torch.equal(one['inputs']['visual'], other['inputs']['visual'])


def test_nothing_is_overwritten(config, pack, tmp_path):
    out = tmp_path / 'packed.lmdb'
    out.write_text('mine')
    assert pack(config, '--out', out) == (2, '', f'error: {out} exists and is left alone; name a new file\n')
    assert out.read_text() == 'mine'


def test_a_stopped_packing_is_continued_and_only_a_complete_one_gets_its_name(config, pack, tmp_path, monkeypatch):
    out, loaded = tmp_path / 'packed.lmdb', []
    load_stream = loading.load_stream

    def load_until(stop):
        def call(name, stream, duration_sec):
            loaded.append(stream['files'][0])
            if len(loaded) == stop:
                raise KeyboardInterrupt
            return load_stream(name, stream, duration_sec)

        monkeypatch.setattr(loading, 'load_stream', call)

    load_until(stop=7)
    assert pack(config, '--out', out)[0] == 128 + signal.SIGINT
    assert not out.exists() and len(loaded) == 7
    load_until(stop=None)
    assert pack(config, '--out', out)[0] == 0
    assert len(loaded) == 7 + 4 + 10  # the rest is written, then all are checked
    assert sorted(path.name for path in tmp_path.glob('*.lmdb*')) == ['packed.lmdb']


@pytest.mark.parametrize(('key', 'dtype'), [('visual/train_01', np.float16), ('visual/other', np.float32)])
def test_a_packing_begun_with_other_content_is_refused(config, pack, tmp_path, key, dtype):
    writer = feature_pack.PackWriter(str(tmp_path / 'packed.partial.lmdb'))
    writer.put(key, np.ones((2, 2), dtype))
    writer.close()
    status, _, error = pack(config, '--out', tmp_path / 'packed.lmdb')
    assert status == 2 and f'e.g. {key}: was it begun with other files or another --dtype?' in error
    assert not (tmp_path / 'packed.lmdb').exists()


@pytest.mark.parametrize(
    ('value', 'dtype', 'said'),
    [(7e4, 'float16', 'train_02_rgb.npy'), (np.nan, None, 'train_02_rgb.npy: NaN or infinity')],
)
def test_what_is_wrong_is_named_by_its_file(data, config, pack, tmp_path, value, dtype, said):
    data.change('train_02', 'rgb', lambda array: np.full(array.shape, value, np.float32))
    status, _, error = pack(config, '--out', tmp_path / 'packed.lmdb', *(['--dtype', dtype] if dtype else []))
    assert status == 2 and said in error and 'Traceback' not in error
    assert dtype is None or 'step 0 is too large for float16' in error


def test_wrong_arguments(config, pack, tmp_path):
    assert '--out must end in .lmdb' in pack(config, '--out', tmp_path / 'packed.h5')[2]
    assert 'there is no folder' in pack(config, '--out', tmp_path / 'nowhere/packed.lmdb')[2]
    assert 'there is no config file' in pack(tmp_path / 'none.py', '--out', tmp_path / 'packed.lmdb')[2]


def test_what_is_packed_is_not_packed_again(config, pack, tmp_path):
    said = pack(config, '--out', tmp_path / 'packed.lmdb')[1]
    (tmp_path / 'packed.py').write_text(said[said.index('_base_') :])
    status, _, error = pack(tmp_path / 'packed.py', '--out', tmp_path / 'again.lmdb')
    assert status == 2 and "stream 'visual' of train_00 is packed" in error


def test_a_data_set_in_a_wrapper_is_refused(config, pack, tmp_path):
    text = config.read_text().replace('val_dataloader = ', 'alone = ')
    wrapped = "dict(dataset=dict(type='mmengine.RepeatDataset', times=2, dataset=alone['dataset']))"
    config.write_text(text.replace('test_dataloader = val_dataloader', f'test_dataloader = {wrapped}'))
    status, _, error = pack(config, '--out', tmp_path / 'packed.lmdb')
    assert status == 2 and 'test_dataloader: can pack an mmdel.EventDataset, not mmengine.RepeatDataset' in error
