"""``mmdel train`` and ``mmdel test`` by the bare name of a config; more of both in tests/integration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmdel.commands import main
from mmdel.events import read_events


def said(work_dir: Path) -> str:
    """The log of the last run."""
    return max(work_dir.glob('*/*.log'), key=lambda path: path.stat().st_mtime_ns).read_text()


def test_a_config_by_its_name_is_trained_and_tested(
    tiny_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    half_precision: None,
) -> None:
    """In bfloat16, whose weights are float32 and whose results are close to those in float32."""
    monkeypatch.chdir(tiny_config.parent)
    work_dir = tmp_path / 'work'
    main(['train', 'tiny', '--amp', '--work-dir', str(work_dir), '--cfg-options', 'train_cfg.max_epochs=1'])
    assert 'Half precision: training in bfloat16, validation in bfloat16' in said(work_dir)
    checkpoint = torch.load(work_dir / 'epoch_1.pth')
    states = checkpoint['state_dict'], checkpoint['ema_state_dict']
    assert {value.dtype for state in states for value in state.values() if value.is_floating_point()} == {torch.float32}
    scores = {}
    for amp in ('bf16', 'off'):
        out = tmp_path / f'{amp}.csv'
        words = ['--work-dir', str(tmp_path / amp), '--out', str(out), '--amp', amp]
        name = f'experiment_name={amp}'  # a log of its own, where both are of one second
        main(['test', 'tiny', str(work_dir / 'epoch_1.pth'), *words, '--cfg-options', name])
        assert 'mAP' in capsys.readouterr().out
        assert ('Half precision: test in bfloat16' in said(tmp_path / amp)) == (amp == 'bf16')
        scores[amp] = np.sort(read_events(out).scores)[-20:]
    assert 0 < np.abs(scores['bf16'] - scores['off']).max() < 0.01


def test_a_device_without_units_is_one_line(tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for words in (
        ['--amp', 'bf16'],
        ['--cfg-options', 'optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.dtype=bfloat16'],
    ):
        with pytest.raises(SystemExit) as ended:
            main(['train', str(tiny_config), '--work-dir', str(tmp_path / 'work'), *words])
        assert ended.value.code == 2
        error = capsys.readouterr().err.splitlines()[-1].replace("device 'cuda'", 'CPU')
        assert error == 'error: the CPU has no units for bfloat16: take float32 (--amp off)'
