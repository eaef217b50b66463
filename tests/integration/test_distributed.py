"""Two processes, started by the tools' own scripts: on two GPUs through NCCL, else on the CPU through gloo."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
DEVICES = {} if torch.cuda.device_count() >= 2 else dict(CUDA_VISIBLE_DEVICES='')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


@pytest.fixture
def run_script():
    def run(script: str, *args) -> str:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
        env = {**os.environ, **DEVICES, 'PATH': path, 'PORT': str(free_port()), 'OMP_NUM_THREADS': '1'}
        command = ['bash', str(ROOT / 'tools' / script), *map(str, args)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_two_processes_train(run_script, tiny_config, tmp_path):
    options = '--cfg-options', 'default_hooks.pictures.num_videos=1'
    printed = run_script('dist_train.sh', tiny_config, 2, '--work-dir', tmp_path, *options)
    (log,) = tmp_path.glob('*/*.log')
    assert 'GPU number: 2' in log.read_text() and 'Epoch(train) [2][1/1]' in printed  # four videos, two in each batch
    assert (tmp_path / 'epoch_2.pth').is_file()
    pictures = {path.name for path in tmp_path.glob('*/vis_data/vis_image/*')}  # of the first process alone
    assert {'precision_recall_1.png', 'precision_recall_2.png'} < pictures and len(pictures) == 6


def test_two_processes_detect_what_one_does(run_script, run_tool, tiny_training, tiny_config, tmp_path):
    checkpoint = tiny_training[0] / 'epoch_2.pth'
    options = ['--work-dir', tmp_path, '--out']
    run_script('dist_test.sh', tiny_config, checkpoint, 2, *options, tmp_path / 'two.json')
    one = run_tool('tools/test.py', tiny_config, checkpoint, *options, tmp_path / 'one.json', **DEVICES)
    assert one.returncode == 0, one.stderr
    two_results, one_results = (
        json.loads((tmp_path / f'{name}.json').read_text())['results'] for name in ('two', 'one')
    )
    assert sorted(two_results) == sorted(one_results)
    for video_id, events in one_results.items():
        assert len(two_results[video_id]) == len(events)
        for mine, other in zip(events, two_results[video_id], strict=True):
            assert mine['score'] == pytest.approx(other['score'], abs=1e-5)
            assert mine['segment'] == pytest.approx(other['segment'], abs=1e-4)


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_scripts_say_how_they_are_used(script):
    done = subprocess.run(['bash', str(ROOT / 'tools' / script)], capture_output=True, text=True)
    assert done.returncode == 2 and script in done.stderr
