"""TriDet, trained and tested through the runner, learns what it is shown."""

from __future__ import annotations

from pathlib import Path

from overfitting import fit_four_streams


def test_four_streams_are_learned_by_heart(tmp_path: Path) -> None:
    assert fit_four_streams('tridet_demo.py', tmp_path, max_epochs=40) > 90
