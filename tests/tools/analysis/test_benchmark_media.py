from __future__ import annotations

import re

import pytest
from media_files import clicks, write_media

pytest.importorskip('av')
LINE = r'(pictures \(8 a second, 36 x 48\)|sound \(16 kHz\)|both) +[\d.]+ times real time, +[\d.]+ for each core'


def lines(run_tool_here, *options):
    done = run_tool_here('tools/analysis/benchmark_media.py', '--runs', 1, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


def test_a_rendered_video_and_one_of_ones_own_are_timed(run_tool_here, tmp_path):
    head, *rates, memory = lines(run_tool_here, '--seconds', 1, '--height', 72)
    assert re.match(
        r'1 s, [\d.]+ Mbit/s; h264 128 x 72, 25 pictures a second; aac 44100 Hz, 1 channels; \d+ cores', head
    )
    assert len(rates) == 3 and all(re.fullmatch(LINE, line) for line in rates)
    assert re.fullmatch(r'peak of memory: \d+ MB above the \d+ MB of the imported packages', memory)
    path = write_media(tmp_path / 'x.mp4', [k / 10 for k in range(20)], clicks([1], 2, 16000), rate=10)
    assert lines(run_tool_here, path)[0].startswith('2 s, ')
