"""A published checkpoint tests as the one it was made of, and holds nothing of the training."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import torch

MAP = re.compile(r'event/mAP: ([\d.]+)')


def publish(run_tool_here, checkpoint, out):
    return run_tool_here('tools/publish_model.py', checkpoint, out)


def test_it_tests_the_same_and_has_nothing_of_the_training(tiny_training, tiny_config, run_tool_here, tmp_path):
    work_dir, trained = tiny_training
    done = publish(run_tool_here, work_dir / 'epoch_2.pth', tmp_path / 'new/tiny.pth')
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / 'new').iterdir()
    assert str(path) in done.stdout
    assert path.name == f'tiny-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth'

    published, full = (torch.load(file, 'cpu', weights_only=True) for file in (path, work_dir / 'epoch_2.pth'))
    assert published.keys() == {'meta', 'state_dict'} and 'ema_state_dict' in full and 'optimizer' in full
    raw = {name.removeprefix('module.'): value for name, value in full['ema_state_dict'].items()}
    assert all(torch.equal(value, full['state_dict'][name]) for name, value in published['state_dict'].items())
    assert any(not torch.equal(value, raw[name]) for name, value in published['state_dict'].items())  # the averages
    assert published['meta']['dataset_meta'] == full['meta']['dataset_meta']
    assert 'EventDetector' in published['meta']['cfg'] and published['meta']['epoch'] == 2

    test = run_tool_here('tools/test.py', tiny_config, path, '--work-dir', tmp_path)
    assert test.returncode == 0, test.stderr
    assert MAP.findall(test.stdout)[-1] == MAP.findall(trained.stdout)[-1]

    again = publish(run_tool_here, work_dir / 'epoch_2.pth', tmp_path / 'new/tiny.pth')
    assert again.returncode == 2 and 'exists and is left alone' in again.stderr


@pytest.mark.parametrize(
    ('content', 'out', 'said'),
    [
        (dict(state_dict=dict(a=torch.zeros(2))), 'a.pth', 'no checkpoint of a training'),
        (dict(state_dict=dict(a=torch.tensor([1, torch.nan])), meta={}), 'a.pth', 'NaN or infinite: a'),
        (dict(state_dict={}, meta={}), 'folder', 'must end in .pth'),
        (None, 'a.pth', 'there is no checkpoint'),
    ],
)
def test_what_cannot_be_published_is_told(content, out, said, run_tool_here, tmp_path):
    source = tmp_path / 'source.pth'
    if content is not None:
        torch.save(content, source)
    done = publish(run_tool_here, source, Path(tmp_path, out))
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert not list(tmp_path.glob('a-*'))
