"""UnAV's detector, with its dependency block and without, trained and tested through the runner, learns by heart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from overfitting import fit_four_streams


def with_dependencies(cfg: Config) -> None:
    cfg.model.neck.update(drop_path=0.0, with_cp=False)  # with_cp would be a quarter slower


def without_dependencies(cfg: Config) -> None:
    cfg.model.neck = dict(type='mmdel.IdentityNeck')


@pytest.mark.parametrize('change_neck', [with_dependencies, without_dependencies])
def test_four_streams_are_learned_by_heart(change_neck: Callable[[Config], None], tmp_path: Path) -> None:
    def change(cfg: Config) -> None:
        cfg.model.backbone.drop_path = 0.0
        change_neck(cfg)

    assert fit_four_streams('unav_demo.py', tmp_path, change=change) > 90
