"""ActionFormer, trained and tested through the runner, learns what it is shown."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from overfitting import fit_four_streams


def without_drop_path(cfg: Config) -> None:
    cfg.model.backbone.drop_path = 0.0


def test_four_streams_are_learned_by_heart(tmp_path: Path) -> None:
    assert fit_four_streams('actionformer_demo.py', tmp_path, max_epochs=25, change=without_drop_path) > 90
