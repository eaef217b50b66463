import runpy
from pathlib import Path

import pytest
from tiny_bundle import make_bundle

from mmdel.features import build_streams, extract_all
from mmdel.media import probe

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(ROOT / 'tools/analysis/benchmark_detection.py'))


def test_files_are_as_long_as_asked_for(tool, tmp_path):
    seconds = tool['write_seconds'](tmp_path, 3)
    assert [probe(path).duration_sec for path in seconds] == [1.0, 1.0, 1.0]
    loop = tool['write_loop'](Path(seconds[0]), tmp_path / 'loop.mp4', 9)
    assert 8 < probe(loop).duration_sec < 10
    streams = build_streams(make_bundle().extractors)
    extracted = extract_all(loop, streams)
    assert not extracted.notes and 32 < len(extracted.features['visual']) < 40


def test_rates_of_all_parts_are_told(tool, tmp_path, capsys):
    (path,) = tool['write_seconds'](tmp_path, 1)
    tool['print_rates'](str(make_bundle().save(tmp_path / 'model')), Path(path))
    said = capsys.readouterr().out
    assert all(part in said for part in ('decoding', 'extraction', 'model', 'B/s of features'))
