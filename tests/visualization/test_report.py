"""The file of a report: whole, self-contained, and honest about what is missing. Its pages: tests/integration."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from base64 import b64decode, b64encode

import numpy as np
import pytest

from mmdel.events import Events, Video
from mmdel.media import VideoWriter
from mmdel.utils.errors import UserInputError
from mmdel.visualization.report import write_report
from mmdel.visualization.sound_picture import SOUND_HZ

EVENTS = Events.from_rows([('v', 1, 2, 'bark', 0.9), ('w', 1, 3, 'bell', 0.05)], [Video('v'), Video('w', 9.0)])


def blocks(path):
    """The JSON blocks of a report by their ids."""
    text = path.read_text(encoding='utf-8')
    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', text, re.DOTALL)
    return {name: json.loads(content) for name, content in found}


def write_clip(path, sound=True):
    """Two seconds: a dark and a bright one, the second with a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, fps=10, height=48, width=64, hz=SOUND_HZ if sound else None) as writer:
        writer.write(
            np.repeat(np.array([20, 200], np.uint8), 10)[:, None, None, None].repeat(48, 1).repeat(64, 2).repeat(3, 3)
        )
        if sound:
            tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * SOUND_HZ) / SOUND_HZ)
            writer.write_sound(np.where(np.arange(len(tone)) < SOUND_HZ, 0, tone).astype(np.float32))


def test_only_the_scripts_and_styles_of_the_package_may_run_and_nothing_is_loaded(tmp_path):
    text = write_report(tmp_path / 'r.html', EVENTS).read_text(encoding='utf-8')
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.split(' ', 1) for rule in policy.split('; '))
    assert rules['default-src'] == "'none'" and 'unsafe' not in policy and 'http' not in policy
    for tag, rule in (('script', 'script-src'), ('style', 'style-src')):
        parts = re.findall(rf'<{tag}>(.*?)</{tag}>', text, re.DOTALL)
        digests = [b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
        assert rules[rule].split() == [f"'sha256-{digest}'" for digest in digests]
    assert not re.search(r'<(link|img|iframe|object|embed|base)\b|\b(src|href)="(?!#)', text)
    assert 'Permission is hereby granted' in text and 'Leon Sorokin' in text  # the licence of uPlot


def test_a_report_that_is_there_stays(tmp_path):
    path = write_report(tmp_path / 'new/r.html', EVENTS, title='first')
    with pytest.raises(UserInputError, match='exists and is left alone'):
        write_report(path, EVENTS, title='second')
    assert blocks(path)['content']['title'] == 'first'
    assert blocks(write_report(path, EVENTS, overwrite=True))['content']['title'] == 'r'
    assert [item.name for item in path.parent.iterdir()] == ['r.html']


@pytest.mark.parametrize('tiou', [0.0, 1.5, float('nan')])
def test_a_tiou_that_is_none_is_refused(tmp_path, tiou):
    with pytest.raises(UserInputError, match='tIoU'):
        write_report(tmp_path / 'r.html', EVENTS, tiou=tiou)


def test_events_without_scores_are_not_compared_with_truth(tmp_path):
    truth = Events.from_rows([('v', 1, 2, 'bark')])
    with pytest.raises(UserInputError, match='no scores'):
        write_report(tmp_path / 'r.html', truth, truth)
    content = blocks(write_report(tmp_path / 'r.html', truth))['content']
    assert 'score' not in content['predicted'] and 'matches' not in content


def test_the_media_are_found_from_the_report_and_their_sound_is_drawn(tmp_path):
    write_clip(tmp_path / 'media/100% of #1?.mp4')
    path = write_report(tmp_path / 'out/r.html', EVENTS, media={'v': tmp_path / 'media/100% of #1?.mp4'})
    found = blocks(path)
    video, other = found['content']['videos']
    assert video['media'] == '../media/100%25%20of%20%231%3F.mp4' and not video['audio_only']
    assert video['duration'] == pytest.approx(2, abs=0.1) and 'media' not in other
    sound = found['sound-0']
    peaks = np.frombuffer(b64decode(sound['peaks']), np.int8).reshape(-1, 2)
    assert len(peaks) * sound['column_sec'] == pytest.approx(2, abs=0.1) and 'sound-1' not in found
    half = len(peaks) // 2
    assert abs(peaks[: half - 5]).max() <= 2 and peaks[half + 5 : -5, 1] == pytest.approx(64, abs=8)


def test_without_pyav_the_players_work_and_one_line_says_what_is_missing(tmp_path, logged, monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    media = {name: tmp_path / f'{name}.mp4' for name in 'vw'}
    found = blocks(write_report(tmp_path / 'r.html', EVENTS, media=media))
    assert [video['media'] for video in found['content']['videos']] == ['v.mp4', 'w.mp4'] and set(found) == {'content'}
    (message,) = logged
    assert 'no sounds' in message and 'mmdel[media]' in message


def test_what_is_amiss_with_media_is_told_and_the_rest_is_written(tmp_path, logged):
    (tmp_path / 'text.mp4').write_text('no video')
    write_clip(tmp_path / 'silent.mp4', sound=False)
    events = Events.from_rows([(name, 0, 1, 'x', 0.5) for name in ('gone', 'text', 'silent')])
    media = {name: tmp_path / f'{name}.mp4' for name in ('gone', 'text', 'silent')}
    found = blocks(write_report(tmp_path / 'r.html', events, media=media))
    gone, text, silent = found['content']['videos']
    assert 'No such file' in gone['note'] and str(tmp_path / 'text.mp4') in text['note']
    assert silent['note'] == 'The file has no sound.' and set(found) == {'content'}
    assert all(video['media'] == f'{video["id"]}.mp4' for video in (gone, text, silent))
    assert sum(message.startswith('video ') for message in logged) == 2
