"""MMAction2's BMN, trained and tested through the runner on our data, learns where the events are."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from overfitting import fit_four_streams


def suppress_neighbours(cfg: Config) -> None:
    """As for detections; BMN's own mild suppression serves the recall of 100 proposals."""
    cfg.model.localizer.update(soft_nms_alpha=0.1, soft_nms_low_threshold=0.3, soft_nms_high_threshold=0.3)


def test_four_streams_are_learned_by_heart(tmp_path: Path) -> None:
    """The mAP@0.5 is that of proposals, all of one class."""
    assert fit_four_streams('bmn_demo.py', tmp_path, max_epochs=90, lr=6e-3, change=suppress_neighbours) > 90
