"""How features are stored changes nothing of a training, and a hop that does not fit them stops it."""

import pytest
import torch

from mmdel.datasets import feature_pack


def test_packed_and_cached_features_train_the_same_model(tiny_config, tiny_training, run_tool_here, tmp_path):
    pytest.importorskip('lmdb')
    packed = run_tool_here('tools/data/pack.py', tiny_config, '--out', tmp_path / 'features.lmdb')
    assert packed.returncode == 0, packed.stderr
    feature_pack._files.clear()  # as at the end of a process
    config = packed.stdout[packed.stdout.index('_base_') :]
    config += """
cached = [dict(type='mmdel.LoadFeatures', cache_gb=0.1), *_base_.load[1:], _base_.crop, _base_.pack]
train_dataloader = dict(dataset=dict(**packed, pipeline=cached))
"""
    (tmp_path / 'packed.py').write_text(config)
    done = run_tool_here('tools/train.py', tmp_path / 'packed.py', '--work-dir', tmp_path / 'work')
    assert done.returncode == 0, done.stdout + done.stderr
    weights = [
        torch.load(work_dir / 'epoch_2.pth', map_location='cpu', weights_only=False)['state_dict']
        for work_dir in (tiny_training[0], tmp_path / 'work')
    ]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize('num_workers', [0, 1])
def test_a_hop_that_does_not_fit_stops_a_training_with_one_message(tiny_config, run_tool_here, tmp_path, num_workers):
    text = tiny_config.read_text().replace("files=['{id}_a.npy'], channels=4, **grid", _AUDIO)
    assert _AUDIO in text
    (tmp_path / 'wrong.py').write_text(text.replace('num_workers=0', f'num_workers={num_workers}'))
    done = run_tool_here('tools/train.py', tmp_path / 'wrong.py', '--work-dir', tmp_path / 'work')
    assert done.returncode == 2
    assert 'error: wrong-length, video train_' in done.stderr and 'Traceback' not in done.stderr
    assert ": stream 'audio': " in done.stderr and 'a hop of 0.25 s would fit; set stride=4' in done.stderr


_AUDIO = "files=['{id}_a.npy'], channels=4, root=data_root, stride=12, window=4, fps=16"
