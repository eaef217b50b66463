"""The mixed configs, trained and tested through the runner, learn what they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from overfitting import fit_four_streams


def without_drop_path(cfg: Config) -> None:
    cfg.model.backbone.drop_path = 0.0


@pytest.mark.parametrize(
    ('name', 'max_epochs'),
    [('actionformer_pan_demo.py', 30), ('del_trident_demo.py', 30), ('unav_pan_demo.py', 60)],
)
def test_four_streams_are_learned_by_heart(name: str, max_epochs: int, tmp_path: Path) -> None:
    assert fit_four_streams(f'mixing/{name}', tmp_path, max_epochs, change=without_drop_path) > 90


def test_actionformer_learns_beside_the_contrastive_loss(tmp_path: Path) -> None:
    (hook,) = Config.fromfile(Path(__file__).parents[2] / 'configs/mixing/actionformer_scl_demo.py').custom_hooks[1:]

    def with_hook(cfg: Config) -> None:
        without_drop_path(cfg)
        cfg.custom_hooks = [hook]

    assert fit_four_streams('mixing/actionformer_scl_demo.py', tmp_path, max_epochs=30, change=with_hook) > 90
