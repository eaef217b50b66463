"""BMN and TCANet through tools/train.py and tools/test.py: proposals of the one, refined by the other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tiny_data
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
SMALL_BMN = [f'model.localizer.hidden_dim_{d}d=8' for d in (1, 2, 3)]
SMALL_TCANET = [f'model.localizer.{part}_sample_num=8' for part in ('se', 'action')]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two videos of each subset in the layout of GRID-streams."""
    monkeypatch.delenv('MMDEL_GRID_ROOT', raising=False)
    monkeypatch.chdir(tmp_path)
    tiny_data.write_data_of(Config.fromfile(ROOT / 'configs/bmn_grid.py'))
    return tmp_path


def metrics(done) -> dict[str, float]:
    """The last values that a run printed, by name."""
    assert done.returncode == 0, done.stdout + done.stderr
    line = [line for line in (done.stdout + done.stderr).splitlines() if 'event/mAP:' in line][-1]
    return {name: float(value) for name, value in re.findall(r'event/(\S+(?: area)?): ([\d.]+)', line)}


def test_proposals_are_made_scored_and_refined(project: Path, run_tool_here) -> None:
    bmn, tcanet = ROOT / 'configs/bmn_grid.py', ROOT / 'configs/tcanet_grid.py'

    def run(tool, *args, options=(), **env):
        return run_tool_here(
            f'tools/{tool}.py', *args, '--work-dir', 'work', '--cfg-options', *options, cwd=project, **env
        )

    once = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=2']
    trained = run('train', bmn, options=[*SMALL_BMN, *once])
    assert trained.returncode == 0, trained.stderr
    both = 'test_dataloader.dataset.subset=train,val'
    tested = run('test', bmn, 'work/epoch_1.pth', '--out', 'proposals.json', options=[*SMALL_BMN, both])
    assert {'mAP', 'mAP@0.5', 'recall@1x@0.5', 'AR@1', 'AR@10', 'AR@100', 'AR-AN area'} <= metrics(tested).keys()
    assert metrics(tested)['AR@100'] > 0

    proposals = json.loads((project / 'proposals.json').read_text())['results']
    assert len(proposals) == 4 and all(0 < len(events) <= 100 for events in proposals.values())
    for events in proposals.values():
        assert all(0 <= event['segment'][0] < event['segment'][1] <= tiny_data.DURATION_SEC for event in events)

    environment = dict(MMDEL_PROPOSALS='proposals.json')
    trained = run('train', tcanet, options=[*SMALL_TCANET, *once], **environment)
    assert trained.returncode == 0, trained.stderr
    tested = run('test', tcanet, 'work/epoch_1.pth', '--out', 'refined.json', options=SMALL_TCANET, **environment)
    assert metrics(tested)['AR@100'] > 0
    refined = json.loads((project / 'refined.json').read_text())['results']
    assert len(refined) == 2 and all(0 < len(events) <= 100 for events in refined.values())
    video = next(iter(refined))
    assert not {tuple(event['segment']) for event in refined[video]} & {tuple(e['segment']) for e in proposals[video]}


def test_without_proposals_tcanet_names_the_file(project: Path, run_tool_here) -> None:
    done = run_tool_here('tools/train.py', ROOT / 'configs/tcanet_grid.py', '--work-dir', 'work', cwd=project)
    assert done.returncode == 2 and 'work_dirs/bmn_grid/proposals.json' in done.stderr
    assert 'Traceback' not in done.stderr
