"""The examples of docs/mixing.md run as they are written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

TEXT = (Path(__file__).parents[2] / 'docs/mixing.md').read_text(encoding='utf-8')
IMPORT, BMN, PARTS = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)


class Terms(Hook):
    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        self.steps = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.steps.append({name: value.item() for name, value in outputs.items()})


def write_activitynet(root: Path, num_videos: int, num_steps: int, channels: int) -> None:
    """Annotations and features in the form of MMAction2's ActivityNetDataset."""
    rng = np.random.default_rng(0)
    features = root / 'activitynet_feature_cuhk/csv_mean_100'
    features.mkdir(parents=True)
    videos = {}
    for index in range(num_videos):
        table = rng.normal(size=(num_steps, channels))
        np.savetxt(features / f'v_{index}.csv', table, delimiter=',', header='a', comments='')
        events = [dict(segment=[2.0 + index, 6.0 + index], label='x'), dict(segment=[12.0, 13.0], label='y')]
        videos[f'v_{index}'] = dict(
            duration_second=20.0, duration_frame=500, feature_frame=500, annotations=events, fps=25.0, rfps=25.0
        )
    (root / 'anet_anno_train.json').write_text(json.dumps(videos))


@pytest.fixture
def bmn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The documented config on a few short videos, two iterations long."""
    write_activitynet(tmp_path, num_videos=8, num_steps=20, channels=16)
    monkeypatch.setenv('ACTIVITYNET_ROOT', str(tmp_path))
    cfg = Config.fromstring(BMN, '.py')
    cfg.model.update(temporal_dim=20, feat_dim=16, hidden_dim_2d=8, hidden_dim_3d=8)
    cfg.train_dataloader.update(batch_size=4, num_workers=0)
    cfg.train_cfg.max_epochs = 1
    cfg.update(work_dir=str(tmp_path / 'work'), experiment_name='mixing', randomness=dict(seed=0))
    return cfg


def test_a_stock_localizer_trains_with_the_hook(bmn: Config, tmp_path: Path) -> None:
    own = re.findall(r"'mmdel[^']*'", BMN)
    assert own == ["'mmdel'", "'mmdel.ScoreContrastiveHook'", "'mmdel.ScoreContrastiveLoss'"]
    runner, terms = Runner.from_cfg(bmn), Terms()
    runner.register_hook(terms)
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    assert type(runner.model).__module__.startswith('mmaction.')
    assert len(terms.steps) == 2
    for step in terms.steps:
        assert {'loss_intra', 'loss_score_visual', 'loss_token_cls_visual'} <= step.keys()
        assert step['num_positives'] == 4 and step['num_negatives'] > 0 and step['loss_intra'] > 0
        assert all(np.isfinite(value) for value in step.values())
    saved = torch.load(tmp_path / 'work/epoch_1.pth')
    assert saved['state_dict'].keys() == before.keys()
    assert 'score_heads.visual.weight' in saved['score_contrastive']
    assert not torch.equal(saved['state_dict']['x_1d_b.0.weight'], before['x_1d_b.0.weight'])


def test_the_hook_changes_what_the_localizer_learns(bmn: Config) -> None:
    weights = []
    for hooks in (bmn.custom_hooks, []):
        cfg = Config(dict(bmn.to_dict(), custom_hooks=hooks, experiment_name=f'mixing_{len(hooks)}'))
        runner = Runner.from_cfg(cfg)
        runner.train()
        weights.append(runner.model.x_1d_b[0].weight.detach())
    assert not torch.equal(*weights)


def test_the_parts_work_in_plain_python() -> None:
    names: dict = {}
    exec(PARTS, names)
    assert [level.shape for level in names['feats']['visual']] == [(2, 32, 50), (2, 32, 25), (2, 32, 13)]
    assert [level.shape for level in names['fused']] == [(2, 64, 50), (2, 64, 25), (2, 64, 13)]


def test_the_import_is_that_of_the_example() -> None:
    assert IMPORT in BMN
