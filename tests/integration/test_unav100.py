"""The main job, whole: the commands of the README on a small copy of UnAV-100's layout, at full width."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from unav_layout import write_unav_layout

ROOT = Path(__file__).parents[2]


def run_tool(tool: str, *args: str, data_root: Path) -> subprocess.CompletedProcess:
    env = {**os.environ, 'MMDEL_UNAV100_ROOT': str(data_root)}
    command = [sys.executable, str(ROOT / 'tools' / tool), str(ROOT / 'configs/del_unav100.py'), *args]
    return subprocess.run(command, cwd=data_root, env=env, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope='module')
def layout(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('unav100')
    write_unav_layout(root, num_train=2, num_test=2, num_steps=224)
    return root


def test_two_iterations_of_training_then_a_test(layout: Path, tmp_path: Path) -> None:
    small = ['train_dataloader.batch_size=1', 'train_cfg.max_epochs=1', 'param_scheduler=None']
    for split in ('train', 'val', 'test'):
        small += [f'{split}_dataloader.num_workers=0', f'{split}_dataloader.persistent_workers=False']
    work_dir = ['--work-dir', str(tmp_path)]
    train = run_tool('train.py', *work_dir, '--cfg-options', *small, data_root=layout)
    assert train.returncode == 0, train.stdout + train.stderr
    assert re.search(r'Epoch\(train\) +\[1\]\[2/2\]', train.stdout)
    assert 'event/mAP' in train.stdout

    out = tmp_path / 'events.json'
    checkpoint = tmp_path / 'epoch_1.pth'
    test = run_tool('test.py', str(checkpoint), '--out', str(out), *work_dir, '--cfg-options', *small, data_root=layout)
    assert test.returncode == 0, test.stdout + test.stderr
    assert 'unexpected key' not in test.stdout + test.stderr
    results = json.loads(out.read_text())['results']
    truth = json.loads((layout / 'annotations/unav100_annotations.json').read_text())['database']
    assert sorted(results) == sorted(name for name, video in truth.items() if video['subset'] == 'test')
    for name, events in results.items():
        assert len(events) == 100  # what the configuration keeps
        assert all(0 <= event['segment'][0] <= event['segment'][1] <= truth[name]['duration'] for event in events)


def test_absent_data_stops_with_one_message(tmp_path: Path) -> None:
    train = run_tool('train.py', '--work-dir', str(tmp_path / 'work'), data_root=tmp_path)
    assert train.returncode == 2
    assert 'Traceback' not in train.stdout + train.stderr
    assert 'unav100_annotations.json' in train.stderr
    assert 'https://unav100.github.io' in train.stderr
    assert 'MMDEL_UNAV100_ROOT' in train.stderr
