"""How a command ends: in silence, in one message, or with its traceback."""

import contextlib
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mmdel.datasets import begin_worker
from mmdel.utils import run_command
from mmdel.utils.errors import Interrupted, UserInputError


class Foreign:
    """What a checkpoint must not hold."""


class Broken(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise UserInputError('a.npy is missing\nget it: here')


def failure_of(main, capsys) -> str:
    with pytest.raises(SystemExit) as exit_info:
        run_command.run_command(main)
    assert exit_info.value.code == 2
    return capsys.readouterr().err


def test_success_is_silent(capsys):
    run_command.run_command(lambda: None)
    assert capsys.readouterr() == ('', '')


def test_user_errors_are_their_message_alone(capsys):
    def main():
        raise UserInputError('a.npy is missing\nget it: here')

    assert failure_of(main, capsys) == 'error: a.npy is missing\nget it: here\n'


def test_user_errors_of_a_worker_process_are_their_message_alone(capsys):
    assert failure_of(lambda: next(iter(DataLoader(Broken(), num_workers=1))), capsys) == (
        'error: a.npy is missing\nget it: here\n'
    )


@pytest.mark.parametrize(
    ('break_it', 'said'),
    [
        (lambda path: torch.save(Foreign(), path), r'refused.*Foreign'),
        (lambda path: path.write_bytes(b'no checkpoint'), r'no checkpoint at all'),
        (lambda path: path.write_bytes(path.read_bytes()[:2000]), r'damaged or incomplete'),
    ],
)
def test_what_is_no_checkpoint_is_explained(capsys, tmp_path, break_it, said):
    path = tmp_path / 'a.pth'
    torch.save(torch.zeros(1000), path)
    break_it(path)
    message = failure_of(lambda: torch.load(path), capsys)
    assert re.match(rf'error: the checkpoint .*{said}', message) and message.count('\n') == 1


PRINTS = """
import logging, sys
from mmdel.utils.run_command import run_command
log = logging.getLogger('a')
log.addHandler(logging.StreamHandler(sys.stdout))
say = dict(log=log.warning, print=print)['{how}']
run_command(lambda: [say('x' * 1000) for _ in range({num})])
"""


@pytest.mark.parametrize('how', ['print', 'log'])
@pytest.mark.parametrize('num', [3, 3000])
def test_it_ends_without_a_word_when_nobody_reads_on(how, num):
    """As in ``| head -c 1``, whether the output is still in a buffer or not."""
    command = [sys.executable, '-c', PRINTS.format(how=how, num=num)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1) if num > 3 else None
    process.stdout.close()
    assert process.stderr.read() == b''
    assert process.wait(timeout=60) in (0, 141)
    process.stderr.close()


def test_another_broken_pipe_is_a_fault_of_the_program(tmp_path):
    with open(tmp_path / 'out', 'w') as file, contextlib.redirect_stdout(file), pytest.raises(BrokenPipeError):
        run_command.run_command(lambda: (_ for _ in ()).throw(BrokenPipeError()))


@pytest.mark.parametrize('error', [ValueError('x'), KeyError('x'), RuntimeError('x'), pickle.PicklingError('x')])
def test_faults_of_the_program_keep_their_traceback(error):
    def main():
        raise error

    with pytest.raises(type(error)):
        run_command.run_command(main)


@pytest.mark.parametrize(
    ('error', 'status', 'said'),
    [
        (Interrupted(signal.SIGTERM, 'stopped: go on from a.pth'), 143, 'stopped: go on from a.pth\n'),
        (KeyboardInterrupt(), 130, 'stopped by SIGINT\n'),
        (
            RuntimeError('DataLoader worker (pid 12) is killed by signal: Killed. '),
            2,
            'error: a process that loads data (12) was ended by a signal (Killed), most often for want of memory: use '
            'fewer num_workers, and go on with --resume\n',
        ),
        (
            RuntimeError('[gloo/pair.cc:547] Connection closed by peer [127.0.0.1]:1'),
            2,
            f'error: {run_command.LOST_RANK}\n',
        ),
    ],
)
def test_what_ends_a_run_from_outside_is_one_line(error, status, said, capsys):
    def main():
        raise error

    with pytest.raises(SystemExit) as exit_info:
        run_command.run_command(main)
    assert (exit_info.value.code, capsys.readouterr().err) == (status, said)


class Killed(Dataset):
    """Its worker is killed, as for want of memory."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_data_worker_is_one_line(capsys):
    said = failure_of(lambda: list(DataLoader(Killed(), num_workers=1)), capsys)
    assert re.fullmatch(r'error: a process that loads data \(\d+\) was ended .*\n', said)


def test_what_processes_talk_through_is_closed(tmp_path):
    def main() -> None:
        torch.distributed.init_process_group('gloo', f'file://{tmp_path / "store"}', rank=0, world_size=1)

    run_command.run_command(main)
    assert not torch.distributed.is_initialized()


def test_data_workers_that_are_kept_for_a_next_epoch_end_with_the_run():
    kept = []

    def main() -> None:
        loader = DataLoader([0, 1], num_workers=2, persistent_workers=True, worker_init_fn=begin_worker)
        kept.extend([loader, list(loader)])

    run_command.run_command(main)
    assert kept[1] and not multiprocessing.active_children()
