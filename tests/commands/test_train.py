"""``mmdel train`` and ``mmdel test`` by the bare name of a config; more of both in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmdel.commands import main


def test_a_config_by_its_name_is_trained_and_tested(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tiny_config.parent)
    work_dir = tmp_path / 'work'
    main(['train', 'tiny', '--work-dir', str(work_dir), '--cfg-options', 'train_cfg.max_epochs=1'])
    out = tmp_path / 'events.csv'
    main(['test', 'tiny', str(work_dir / 'epoch_1.pth'), '--work-dir', str(work_dir), '--out', str(out)])
    assert out.read_text().startswith('video') and 'mAP' in capsys.readouterr().out
