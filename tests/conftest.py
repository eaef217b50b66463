"""The device of the tests, and a whole project in small: data of a few videos and a config that trains in seconds."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from mmengine.logging import MMLogger

DEVICE = os.environ.setdefault('MMDEL_TEST_DEVICE', 'cpu')
if DEVICE == 'cpu':  # before anything imports torch; also in the processes that tests start
    os.environ['CUDA_VISIBLE_DEVICES'] = ''
ROOT = Path(__file__).resolve().parents[1]
TINY_CONFIG = """
_base_ = [{schedule!r}, {loaders!r}, {model!r}]
data_root = {data!r}
grid = dict(root=data_root, stride=4, window=4, fps=16)
visual = dict(files=['{{id}}_v.npy'], channels=6, **grid)
streams = dict(visual=visual, audio=dict(files=['{{id}}_a.npy'], channels=4, **grid))
crop = dict(type='mmdel.RandomTemporalCrop', max_len=24, crop_ratio=(0.9, 1.0), trunc_thresh=0.5)
dataset = dict(ann_file=data_root + '/annotations.json', streams=streams)
in_process = dict(batch_size=2, num_workers=0, persistent_workers=False)
train_dataloader = dict(
    dataset=dict(subset='train', pipeline=[*_base_.load, crop, _base_.pack], **dataset), **in_process
)
val_dataloader = test_dataloader = dict(dataset=dict(subset='val', **dataset), **in_process)
val_evaluator = test_evaluator = dict(tious=[0.5])
model = dict(
    backbone=dict(in_channels=dict(visual=6, audio=4), embed_dims=16, num_levels=3, align=dict(num_layers=1)),
    head=dict(num_classes=2, feat_channels=16, point_generator=dict(regress_ranges=[(0, 4), (4, 8), (8, 10000)])),
)
default_hooks = dict(ema=dict(momentum=0.1))
train_cfg = dict(max_epochs=2)
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [dict(type='mmengine.LinearLR', start_factor=0.1, by_epoch=False, end=2)]
"""


def pytest_configure() -> None:
    """Stops at once where the asked device is not the one that mmengine's runner will take."""
    if DEVICE != 'cpu':
        from mmengine.device import get_device

        if get_device() != DEVICE.partition(':')[0]:
            raise pytest.UsageError(f'MMDEL_TEST_DEVICE is {DEVICE}, but there is only {get_device()}')


def pytest_collection_finish() -> None:
    """What has been imported stays: no collection of garbage goes through it, and no forked process copies it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def _process_as_it_is():
    """Commands that run in this process set nothing for it: no test finds another process than it would alone."""
    settings = dict.fromkeys(['keep_freed_memory', 'keep_kernels', 'wait_briefly'], mock.DEFAULT)
    with mock.patch.multiple('mmdel.utils.run_command', **settings):
        yield


@pytest.fixture(scope='session', autouse=True)
def _garbage_is_collected_when_there_is_some():
    """mmengine collects it for every data set, and goes through all that has been imported: a tenth of the suite."""
    with mock.patch('mmengine.dataset.base_dataset.gc'):
        yield


@pytest.fixture(scope='session', autouse=True)
def _float32():
    """What is asked for no number format computes in float32, on every machine."""
    with mock.patch('mmdel.utils.number_format.has_bfloat16', lambda device: False):
        yield


@pytest.fixture(scope='session', autouse=True)
def _unformatted():
    """Configs are written down as they are: to format them takes longer than many of the trainings do."""
    with mock.patch('mmengine.config.config.FormatCode', lambda text, **style: (text, True)):
        yield


@pytest.fixture
def half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that computes in bfloat16 and float16: PyTorch can do it on any CPU, if slowly."""
    monkeypatch.setattr('mmdel.utils.number_format.has_bfloat16', lambda device: True)
    monkeypatch.setattr('mmdel.utils.number_format.WITHOUT_FLOAT16', ())


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The folder of the real data: ``$MMDEL_SHARED/data``, or ``../shared/data`` beside the checkout."""
    root = Path(os.environ.get('MMDEL_SHARED') or Path(__file__).resolve().parents[2] / 'shared') / 'data'
    if not root.is_dir():
        pytest.skip(f'no shared data at {root}; set MMDEL_SHARED')
    return root


@pytest.fixture(scope='session')
def tiny_config(tmp_path_factory) -> Path:
    """The path of a config that trains a small DEL in two epochs of two iterations."""
    from mmengine.config import Config
    from tiny_data import write_data_of

    root = tmp_path_factory.mktemp('tiny')
    base = ROOT / 'configs/_base_'
    text = TINY_CONFIG.format(
        schedule=str(base / 'schedule.py'),
        loaders=str(base / 'loaders.py'),
        model=str(base / 'models/del.py'),
        data=str(root),
    )
    (root / 'tiny.py').write_text(text)
    num_videos = dict(train=4, val=3)
    write_data_of(Config.fromfile(root / 'tiny.py'), num_videos, 7.0, num_events=2, classes=('bark', 'bell'))
    return root / 'tiny.py'


@pytest.fixture(scope='session')
def run_tool():
    """Runs ``python path *args`` in a process of its own, with ``cwd`` and more environment variables if given."""

    def run(path, *args, cwd=None, python=(sys.executable,), **env) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*python, str(ROOT / path), *map(str, args)],
            cwd=cwd,
            env={**os.environ, 'OMP_NUM_THREADS': '1', **env},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture(scope='session')
def run_tool_here():
    """As ``run_tool``, but in this process, which spares the imports."""
    import torch
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer

    def run(path, *args, cwd=None, **env) -> subprocess.CompletedProcess:
        command = [str(ROOT / path), *map(str, args)]
        for manager in (DefaultScope, MessageHub, MMLogger, Visualizer):
            manager._instance_dict.clear()  # they are found by names that change once a second
        out, err = (io.TextIOWrapper(io.BytesIO(), 'utf-8', write_through=True) for _ in range(2))
        status = 0
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.dict(os.environ, env),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, 'argv', command)
            patch.setattr(sys, 'path', [str(Path(command[0]).parent), *sys.path])
            patch.chdir(cwd or Path.cwd())
            try:
                runpy.run_path(command[0], run_name='__main__')
            except SystemExit as exit_:
                status = exit_.code or 0
            finally:
                torch.use_deterministic_algorithms(False)  # these two end with a tool's process
                logging.disable(logging.NOTSET)
        said = (stream.buffer.getvalue().decode(errors='replace') for stream in (out, err))
        return subprocess.CompletedProcess(command, status, *said)

    return run


@pytest.fixture(scope='session')
def tiny_training(tiny_config, run_tool_here, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """The work directory of one finished training, and what it printed."""
    work_dir = tmp_path_factory.mktemp('tiny_training')
    done = run_tool_here('tools/train.py', tiny_config, '--work-dir', work_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    return work_dir, done


@pytest.fixture
def logged():
    """The messages that mmengine's logger is given during the test; it does not hand them on to pytest's."""
    messages: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record):
            messages.append(record.getMessage())

    logger, handler = MMLogger.get_current_instance(), Collect(logging.INFO)
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)
