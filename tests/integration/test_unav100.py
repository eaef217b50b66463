"""The main job, whole: the commands of the README on a small copy of UnAV-100's layout, with a narrow model."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest
from tiny_data import write_unav_layout

ROOT = Path(__file__).parents[2]
SMALL = [
    *('model.backbone.embed_dims=32', 'model.head.feat_channels=32'),
    *('train_dataloader.batch_size=1', 'train_cfg.max_epochs=1', 'param_scheduler=None'),
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
    *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val', 'test')),
]


@pytest.fixture
def run(run_tool_here, tmp_path):
    return partial(run_tool_here, cwd=tmp_path, MMDEL_UNAV100_ROOT=str(tmp_path))


def test_two_iterations_of_training_then_a_test(run, tmp_path: Path) -> None:
    ann_file = write_unav_layout(tmp_path, duration_sec=72.0)
    config, options = ROOT / 'configs/del_unav100.py', ['--work-dir', 'work', '--cfg-options', *SMALL]
    train = run('tools/train.py', config, *options)
    assert train.returncode == 0, train.stdout + train.stderr
    assert re.search(r'Epoch\(train\) +\[1\]\[2/2\]', train.stdout)
    assert 'event/mAP' in train.stdout

    test = run('tools/test.py', config, 'work/epoch_1.pth', '--out', 'events.json', *options)
    assert test.returncode == 0, test.stdout + test.stderr
    assert 'unexpected key' not in test.stdout + test.stderr
    results = json.loads((tmp_path / 'events.json').read_text())['results']
    truth = json.loads(ann_file.read_text())['database']
    assert sorted(results) == sorted(name for name, video in truth.items() if video['subset'] == 'test')
    for name, events in results.items():
        assert len(events) == 100  # what the configuration keeps
        assert all(0 <= event['segment'][0] <= event['segment'][1] <= truth[name]['duration'] for event in events)


def test_absent_data_stops_with_one_message(run) -> None:
    train = run('tools/train.py', ROOT / 'configs/del_unav100.py', '--work-dir', 'work')
    assert train.returncode == 2
    assert 'Traceback' not in train.stdout + train.stderr
    assert 'unav100_annotations.json' in train.stderr
    assert 'https://unav100.github.io' in train.stderr
    assert 'MMDEL_UNAV100_ROOT' in train.stderr
