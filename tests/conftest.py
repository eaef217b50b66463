"""A whole project in small: data of a few videos and a config that trains on them in seconds."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TINY_CONFIG = """
_base_ = [{runtime!r}, {schedule!r}, {model!r}]
data_root = {data!r}
grid = dict(root=data_root, stride=4, window=4, fps=16)
visual = dict(files=['{{id}}_v.npy'], channels=6, **grid)
streams = dict(visual=visual, audio=dict(files=['{{id}}_a.npy'], channels=4, **grid))
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
crop = dict(type='mmdel.RandomTemporalCrop', max_len=24, crop_ratio=(0.9, 1.0), trunc_thresh=0.5)
dataset = dict(type='mmdel.EventDataset', ann_file=data_root + '/annotations.json', streams=streams)
test = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(subset='val', test_mode=True, pipeline=[*load, dict(type='mmdel.PackEvents')], **dataset),
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    dataset=dict(subset='train', pipeline=[*load, crop, dict(type='mmdel.PackEvents')], **dataset),
)
val_dataloader = test
test_dataloader = test
val_evaluator = dict(type='mmdel.EventMAP', tious=[0.5])
test_evaluator = val_evaluator
model = dict(
    backbone=dict(in_channels=dict(visual=6, audio=4), embed_dims=16, num_levels=3, align=dict(num_layers=1)),
    neck=dict(in_channels=16, num_levels=3, num_blocks=1),
    head=dict(
        num_classes=2,
        in_channels=32,
        feat_channels=16,
        point_generator=dict(regress_ranges=[(0, 4), (4, 8), (8, 10000)]),
    ),
)
custom_hooks = [dict(type='mmengine.EMAHook', momentum=0.1)]
train_cfg = dict(max_epochs=2)
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [dict(type='mmengine.LinearLR', start_factor=0.1, by_epoch=False, end=2)]
"""


def write_tiny_data(root: Path, num_train: int = 4, num_val: int = 3, num_steps: int = 28) -> None:
    """Annotations and features of two streams; the event's class shows in the features."""
    rng = np.random.default_rng(0)
    database = {}
    for index in range(num_train + num_val):
        video_id, steps = f'video_{index}', num_steps - 3 * (index % 3)
        visual, audio = rng.normal(size=(steps, 6)), rng.normal(size=(steps, 4))
        annotations = []
        for label in range(2):
            start, length = int(rng.integers(0, steps - 9)), int(rng.integers(3, 9))
            visual[start : start + length, label] += 3
            audio[start : start + length, label] += 3
            segment = [start * 0.25, (start + length) * 0.25]
            annotations.append(dict(segment=segment, label=('bark', 'bell')[label], label_id=label))
        database[video_id] = dict(
            subset='train' if index < num_train else 'val', duration=steps * 0.25, fps=16, annotations=annotations
        )
        np.save(root / f'{video_id}_v.npy', visual.astype(np.float32))
        np.save(root / f'{video_id}_a.npy', audio.astype(np.float32))
    (root / 'annotations.json').write_text(json.dumps(dict(database=database)))


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
    root = tmp_path_factory.mktemp('tiny')
    write_tiny_data(root)
    base = ROOT / 'configs/_base_'
    text = TINY_CONFIG.format(
        runtime=str(base / 'default_runtime.py'),
        schedule=str(base / 'schedule.py'),
        model=str(base / 'models/del.py'),
        data=str(root),
    )
    (root / 'tiny.py').write_text(text)
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


@pytest.fixture
def run_tool_here(monkeypatch, capfd):
    """As ``run_tool``, but in this process, which spares the imports."""

    def run(path, *args) -> subprocess.CompletedProcess:
        command = [str(ROOT / path), *map(str, args)]
        monkeypatch.setattr(sys, 'argv', command)
        status = 0
        try:
            runpy.run_path(command[0], run_name='__main__')
        except SystemExit as exit_:
            status = exit_.code or 0
        return subprocess.CompletedProcess(command, status, *capfd.readouterr())

    return run


@pytest.fixture(scope='session')
def tiny_training(tiny_config, run_tool, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """The work directory of one finished training, and what it printed."""
    work_dir = tmp_path_factory.mktemp('tiny_training')
    done = run_tool('tools/train.py', tiny_config, '--work-dir', work_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    return work_dir, done
