"""A checkpoint as mmengine writes it by itself becomes one that is read again, with the same weights and log."""

from __future__ import annotations

import subprocess
import sys
from pickle import UnpicklingError

import pytest
import torch

from mmdel.utils.checkpoints import read_checkpoint
from mmdel.utils.errors import UserInputError
from mmdel.utils.old_checkpoint import load_old_checkpoint

WRITE = """
import sys
import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub
hub = MessageHub('old')
for value in (1.5, 2.5):
    hub.update_scalars(dict(loss=dict(value=value)))
hub.update_info_dict(dict(epoch=3, best=np.float32(0.1), column=np.arange(6, dtype='int32').reshape(2, 3).T))
assert '__reduce__' not in vars(HistoryBuffer), 'mmdel is loaded'
torch.save(dict(state_dict=dict(w=torch.arange(3.0)), message_hub=hub.state_dict()), sys.argv[1])
"""


@pytest.fixture(scope='module')
def old_checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('old') / 'epoch_3.pth'
    subprocess.run([sys.executable, '-c', WRITE, path], check=True, timeout=120)
    return path


def test_an_old_checkpoint_is_refused_until_it_is_converted(old_checkpoint, tmp_path):
    with pytest.raises(UnpicklingError, match='HistoryBuffer'):
        torch.load(old_checkpoint)
    with pytest.raises(UserInputError, match=rf'python tools/convert_checkpoint.py {old_checkpoint} ') as caught:
        read_checkpoint(str(old_checkpoint))
    assert 'HistoryBuffer' in str(caught.value) and 'weights_only' not in str(caught.value)
    content = load_old_checkpoint(old_checkpoint)
    torch.save(content, tmp_path / 'new.pth')
    for checkpoint in (content, torch.load(tmp_path / 'new.pth')):
        assert checkpoint['state_dict']['w'].tolist() == [0, 1, 2]
        hub = checkpoint['message_hub']
        log, counts = hub['log_scalars']['loss'].data
        assert log.tolist() == [1.5, 2.5] and counts.tolist() == [1, 1]
        assert hub['runtime_info']['epoch'] == 3
        assert hub['runtime_info']['best'] == pytest.approx(0.1, abs=1e-8)
        assert hub['runtime_info']['column'] == [[0, 3], [1, 4], [2, 5]]  # in Fortran's order


def test_the_tool_writes_it_and_nothing_over_another_file(old_checkpoint, tmp_path, run_tool_here):
    out = tmp_path / 'new.pth'
    done = run_tool_here('tools/convert_checkpoint.py', old_checkpoint, out)
    assert done.returncode == 0 and str(out) in done.stdout
    assert torch.load(out)['message_hub']['log_scalars']['loss'].mean() == 2.0
    done = run_tool_here('tools/convert_checkpoint.py', old_checkpoint, out)
    assert done.returncode == 2 and 'left alone' in done.stderr
    (broken := tmp_path / 'broken.pth').write_bytes(out.read_bytes()[:999])
    done = run_tool_here('tools/convert_checkpoint.py', broken, tmp_path / 'other.pth')
    assert done.returncode == 2 and f'error: the checkpoint {broken} cannot be read: it is damaged' in done.stderr
