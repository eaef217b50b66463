"""``mmdel demo``: the clip, its events and the page are written, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_bundle import make_bundle

from mmdel.commands import main
from mmdel.commands.demo import print_found
from mmdel.datasets.synthetic_media import render_clip
from mmdel.events import Events, read_events

pytest.importorskip('av')


def test_it_renders_detects_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    make_bundle().save(tmp_path / 'model')
    out = tmp_path / 'out'
    command = ['demo', '--out', str(out), '--model', str(tmp_path / 'model'), '--seed', '4']
    main(command)
    said = capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ['clip.mp4', 'events.json', 'report.html', 'truth.json']
    assert all(str(path) in said for path in out.iterdir())
    truth = render_clip(tmp_path / 'clip.mp4', 4)
    assert list(read_events(out / 'truth.json')) == list(truth) and f'of {len(truth)} events' in said
    page = (out / 'report.html').read_text()
    assert 'clip.mp4' in page and truth.labels[0] in page
    with pytest.raises(SystemExit, match='2'):
        main(command)
    assert 'exists and is left alone' in capsys.readouterr().err


def test_what_is_found_is_counted_by_class_and_overlap(capsys: pytest.CaptureFixture) -> None:
    truth = Events.from_rows([('a', 0, 4, 'x'), ('a', 5, 9, 'x'), ('a', 0, 4, 'y')])
    found = Events.from_rows([('a', 0, 2, 'x', 0.9), ('a', 0, 3, 'y', 0.8), ('a', 5, 9, 'y', 0.7)])
    print_found(truth, found)
    lines = capsys.readouterr().out.splitlines()
    assert 'found at  0.0 –  2.0 s, score 0.90' in lines[0] and lines[1].endswith('missed')
    assert 'score 0.80' in lines[2] and lines[3].startswith('2 of 3 events')
