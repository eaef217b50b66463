"""What a training shows where its output is kept, and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_screen_has_the_lines_worth_reading_and_the_log_file_all(tiny_training):
    work_dir, done = tiny_training
    (log,) = work_dir.glob('*/*.log')
    text = log.read_text()
    for name in ('paramwise_options', 'Config:', 'System environment:', 'Hooks will be', '"FileClient"', 'Exp name'):
        assert name in text and name not in done.stdout + done.stderr, name
    assert str(log) in done.stdout and 'event/mAP' in done.stdout and 'Epoch(train)' in done.stdout
    assert len(done.stdout.splitlines()) < 30
    assert not re.search(r'\x1b|epoch \d of', done.stdout + done.stderr)  # no bars where there is no terminal


def test_a_terminal_has_bars_below_the_lines_and_its_cursor_back(tiny_config, tmp_path):
    leader, follower = pty.openpty()
    command = [sys.executable, ROOT / 'tools/train.py', tiny_config, '--work-dir', tmp_path]
    process = subprocess.Popen(command, stdout=follower, env={**os.environ, 'COLUMNS': '160', 'TERM': 'xterm'})
    os.close(follower)
    shown = b''
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # the terminal's other end is closed
        pass
    assert process.wait(60) == 0
    text = shown.decode()
    for name in ('starting', 'epoch 1 of 2', 'epoch 2 of 2', 'validation', '4/4', '2/2', 'Epoch(train)', 'event/mAP'):
        assert name in text, name
    assert text.rindex('\x1b[?25h') > text.rindex('\x1b[?25l')


@pytest.mark.parametrize('is_main', [True, False])
def test_one_rank_alone_writes_the_scores(is_main, tiny_training, tiny_config, run_tool_here, tmp_path, monkeypatch):
    monkeypatch.setattr('mmdel.utils.screen.is_main_process', lambda: is_main)
    done = run_tool_here('tools/test.py', tiny_config, tiny_training[0] / 'epoch_2.pth', '--work-dir', tmp_path)
    assert done.returncode == 0, done.stderr
    written = [json.loads(path.read_text()) for path in tmp_path.glob('*/*.json')]
    assert len(written) == is_main and all('event/mAP' in scores for scores in written)
