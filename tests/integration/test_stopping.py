"""Trainings of the tools' own processes that are told to end, or are killed, and who else comes in the meantime."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from conftest import ROOT

DEVICES = {} if torch.cuda.device_count() >= 2 else dict(CUDA_VISIBLE_DEVICES='')
LONG = ['--no-validate', '--cfg-options', 'train_cfg.max_epochs=10000', 'default_hooks.logger.interval=1000']


def wait_until(true: Callable[[], bool], process: subprocess.Popen) -> None:
    for _ in range(1200):
        if true():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError('it takes too long')


def ranks_of(work_dir: Path) -> list[int]:
    """The processes that train there, other than data workers."""
    command = str(work_dir).encode()
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            text = path.read_bytes()
        except OSError:  # has ended
            continue
        if command in text and b'train.py' in text and b'launch.py' not in text:
            found.append(int(path.parent.name))
    return sorted(found)


@contextmanager
def training(work_dir: Path, *command: object) -> Iterator[subprocess.Popen]:
    """A training that has written a checkpoint."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    env = {**os.environ, **DEVICES, 'PATH': path, 'PORT': port, 'OMP_NUM_THREADS': '1'}
    command = [*map(str, command), '--work-dir', str(work_dir), *LONG]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    try:
        wait_until((work_dir / 'last_checkpoint').exists, process)
        yield process
    finally:
        process.kill()
        for rank in ranks_of(work_dir):
            os.kill(rank, signal.SIGKILL)


def test_one_training_a_directory_until_it_is_told_to_end(tiny_config, tiny_training, run_tool_here, tmp_path):
    with training(tmp_path, sys.executable, ROOT / 'tools/train.py', tiny_config) as process:
        second = run_tool_here('tools/train.py', tiny_config, '--work-dir', tmp_path)
        assert second.returncode == 2
        assert f'another training is running in {tmp_path} (process {process.pid} on ' in second.stderr
        test = run_tool_here(
            'tools/test.py',
            tiny_config,
            tiny_training[0] / 'epoch_2.pth',
            '--work-dir',
            tmp_path,
            '--out',
            tmp_path / 'a.json',
        )
        assert test.returncode == 0, test.stderr
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    last = (tmp_path / 'last_checkpoint').read_text()
    assert said.splitlines()[-1].endswith(f'go on from {last} with --resume') and 'Traceback' not in said
    num_epochs = torch.load(last)['meta']['epoch'] + 1
    options = [
        '--no-validate',
        '--resume',
        '--work-dir',
        tmp_path,
        '--cfg-options',
        f'train_cfg.max_epochs={num_epochs}',
    ]
    done = run_tool_here('tools/train.py', tiny_config, *options)
    assert done.returncode == 0, done.stderr
    assert 'of an earlier training, which this one will write over' not in done.stdout
    again = run_tool_here('tools/train.py', tiny_config, '--work-dir', tmp_path, *LONG[:2], 'train_cfg.max_epochs=1')
    assert again.returncode == 0 and 'of an earlier training, which this one will write over' in again.stdout


def test_a_killed_rank_ends_the_others_in_one_line(tiny_config, tmp_path):
    with training(tmp_path, 'bash', ROOT / 'tools/dist_train.sh', tiny_config, 2) as process:
        ranks = ranks_of(tmp_path)
        assert len(ranks) == 2
        os.kill(ranks[1], signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 137
    errors = [line for line in said.splitlines() if line.startswith('error') or 'Error' in line]
    assert len(errors) == 1 and f'(process {ranks[1]}) was killed' in errors[0], said
    assert 'Traceback' not in said


@pytest.mark.parametrize('signum', [signal.SIGKILL, signal.SIGTERM])
def test_a_launcher_that_ends_leaves_no_orphans(tiny_config, tmp_path, signum):
    """And what it was told, its ranks are told: they end with a checkpoint, as they do without it."""
    with training(tmp_path, 'bash', ROOT / 'tools/dist_train.sh', tiny_config, 2) as process:
        process.send_signal(signum)
        for _ in range(150):
            if not (left := ranks_of(tmp_path)):
                break
            time.sleep(0.1)
        assert not left
        _, said = process.communicate(timeout=60)
    assert process.returncode == (-9 if signum == signal.SIGKILL else 143)
    assert said.count('stopped by SIGTERM after iteration') == 1 and 'Traceback' not in said, said
