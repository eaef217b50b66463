"""The whole detector, trained and tested through the runner, learns what it is shown."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from overfitting import fit_four_streams


def test_four_streams_are_learned_by_heart(tmp_path: Path) -> None:
    def change(cfg: Config) -> None:
        cfg.model.backbone.drop_path = 0.0

    assert fit_four_streams('del_demo.py', tmp_path, change=change) > 95
