import argparse
import builtins
import contextlib
import io
import json
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader, Dataset

from mmdel.datasets import begin_worker
from mmdel.utils import command_line
from mmdel.utils.errors import Interrupted, UserInputError


class Foreign:
    """What a checkpoint must not hold."""


class Broken(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise UserInputError('a.npy is missing\nget it: here')


def parse(*args):
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    command_line.add_common_options(parser)
    return parser.parse_args(args)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'some_config.py'
    path.write_text('env_cfg = dict(resource_limit=4, mp_cfg=dict(levels=[1, 2]))\n')
    return str(path)


def failure_of(main, capsys) -> str:
    with pytest.raises(SystemExit) as exit_info:
        command_line.run_command(main)
    assert exit_info.value.code == 2
    return capsys.readouterr().err


def test_config_takes_the_options(config):
    options = 'env_cfg.resource_limit=8', 'env_cfg.mp_cfg.levels=3,5'
    cfg = command_line.load_config(
        parse(config, '--work-dir', 'here', '--launcher', 'slurm', '--cfg-options', *options)
    )
    assert (cfg.work_dir, cfg.launcher) == ('here', 'slurm')
    assert (cfg.env_cfg.resource_limit, cfg.env_cfg.mp_cfg.levels) == (8, [3, 5])


def test_work_dir_is_named_by_option_then_config_then_file(config, tmp_path):
    assert command_line.load_config(parse(config)).work_dir == 'work_dirs/some_config'
    other = tmp_path / 'other.py'
    other.write_text("work_dir = 'named'\n")
    assert command_line.load_config(parse(str(other))).work_dir == 'named'
    assert command_line.load_config(parse(str(other), '--work-dir', 'x')).work_dir == 'x'


def test_a_missing_config_is_named():
    with pytest.raises(UserInputError, match='no config file nowhere'):
        command_line.load_config(parse('nowhere.py'))


@pytest.mark.parametrize(
    ('text', 'said'), [("_base_ = 'lost.py'", 'lost.py'), ('a = [', 'never closed'), ('a = b', "'b' is not defined")]
)
def test_a_config_that_cannot_be_read_is_named_with_the_reason(tmp_path, text, said):
    (tmp_path / 'broken.py').write_text(text)
    with pytest.raises(UserInputError, match=rf'the config .*broken.py cannot be read: .*{said}'):
        command_line.load_config(parse(str(tmp_path / 'broken.py')))


def test_an_option_that_does_not_fit_is_named(config):
    with pytest.raises(UserInputError, match=r'cfg-options does not fit .*some_config'):
        command_line.load_config(parse(config, '--cfg-options', 'env_cfg.mp_cfg.levels.7=5'))


def test_an_option_without_a_value_is_a_wrong_command_line(config, capsys):
    with pytest.raises(SystemExit) as exit_info:
        parse(config, '--cfg-options', 'model.width')
    assert exit_info.value.code == 2
    assert "expected key=value, got 'model.width'" in capsys.readouterr().err


def test_what_cannot_be_written_is_told_before(tmp_path, monkeypatch):
    file = tmp_path / 'file'
    file.write_text('old')
    for path in (tmp_path / 'new/folder/a.json', file):
        command_line.require_writable('--out', str(path))
    assert file.read_text() == 'old' and not list((tmp_path / 'new/folder').iterdir())
    for path, reason in (
        (file / 'a', 'file is a file'),
        (tmp_path, 'Is a directory'),
        (tmp_path / ('x' * 999), 'long'),
    ):
        with pytest.raises(UserInputError, match=rf'--out {path} cannot be written: .*{reason}'):
            command_line.require_writable('--out', str(path))


def test_each_data_set_of_a_run_is_built_once(tiny_config, run_tool_here, monkeypatch, tmp_path):
    """And what it says is in the log, and the config that is kept is a plain one."""
    content = json.loads((tiny_config.parent / 'annotations.json').read_text())
    content['database']['train_00']['annotations'][0]['segment'][1] = 99
    ann_file, opened, built_in_open = tmp_path / 'annotations.json', [], builtins.open
    ann_file.write_text(json.dumps(content))

    def counting_open(path, *args, **kwargs):
        opened.extend([path] if str(path) == str(ann_file) else [])
        return built_in_open(path, *args, **kwargs)

    monkeypatch.setattr(builtins, 'open', counting_open)
    monkeypatch.setattr(io, 'open', counting_open)  # which pathlib calls
    options = [f'{name}_dataloader.dataset.ann_file={ann_file}' for name in ('train', 'val', 'test')]
    options = ['--work-dir', tmp_path / 'work', '--cfg-options', 'train_cfg.max_epochs=1', *options]
    done = run_tool_here('tools/train.py', tiny_config, *options)
    assert done.returncode == 0, done.stderr
    assert len(opened) == 2  # by the training and by the validation data set
    (log,) = (tmp_path / 'work').glob('*/*.log')
    assert log.read_text().count(f'WARNING - {ann_file}: ') == 1
    assert Config.fromfile(tmp_path / 'work/tiny.py').train_dataloader.dataset.ann_file == str(ann_file)

    opened.clear()
    done = run_tool_here('tools/test.py', tiny_config, tmp_path / 'work/epoch_1.pth', *options)
    assert done.returncode == 0, done.stderr
    assert len(opened) == 1


def test_success_is_silent(capsys):
    command_line.run_command(lambda: None)
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
from mmdel.utils.command_line import run_command
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
        command_line.run_command(lambda: (_ for _ in ()).throw(BrokenPipeError()))


@pytest.mark.parametrize('error', [ValueError('x'), KeyError('x'), RuntimeError('x'), pickle.PicklingError('x')])
def test_faults_of_the_program_keep_their_traceback(error):
    def main():
        raise error

    with pytest.raises(type(error)):
        command_line.run_command(main)


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
            f'error: {command_line.LOST_RANK}\n',
        ),
    ],
)
def test_what_ends_a_run_from_outside_is_one_line(error, status, said, capsys):
    def main():
        raise error

    with pytest.raises(SystemExit) as exit_info:
        command_line.run_command(main)
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


def test_data_workers_that_are_kept_for_a_next_epoch_end_with_the_run():
    kept = []

    def main() -> None:
        loader = DataLoader([0, 1], num_workers=2, persistent_workers=True, worker_init_fn=begin_worker)
        kept.extend([loader, list(loader)])

    command_line.run_command(main)
    assert kept[1] and not multiprocessing.active_children()


def test_what_processes_talk_through_is_closed(tmp_path):
    def main() -> None:
        torch.distributed.init_process_group('gloo', f'file://{tmp_path / "store"}', rank=0, world_size=1)

    command_line.run_command(main)
    assert not torch.distributed.is_initialized()
