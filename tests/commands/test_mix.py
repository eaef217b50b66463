"""A tone alone in each video: where it was mixed in is measured by its pitch."""

from __future__ import annotations

import numpy as np
import pytest

from mmdel.commands.mix import Clip, changed
from mmdel.events import Events, read_events, write_events
from mmdel.events.events import Video
from mmdel.media import MediaReader, SoundRate, VideoWriter
from mmdel_cli import main

pytest.importorskip('av')
HZ, SECONDS = 8000, 4
PITCHES = {'beep': 1000, 'hum': 250}


def tone(label, start_sec, end_sec):
    times = np.arange(SECONDS * HZ) / HZ
    return 0.2 * np.sin(2 * np.pi * PITCHES[label] * times) * ((times >= start_sec) & (times < end_sec))


def level(samples, label, start_sec, end_sec):
    """The amplitude of the label's pitch within a part of the sound."""
    part = samples[round(start_sec * HZ) : round(end_sec * HZ)]
    wave = np.exp(-2j * np.pi * PITCHES[label] * np.arange(len(part)) / HZ)
    return 2 * abs(part @ wave) / len(part)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    truth = [('a', 0.5, 1.5, 'beep'), ('b', 2.0, 3.0, 'hum'), ('c', 1.0, 2.0, 'beep')]
    for video_id, start, end, label in truth:
        with VideoWriter(f'videos/{video_id}.mp4', 5, 32, 32, HZ) as writer:
            writer.write(np.zeros((SECONDS * 5, 32, 32, 3), np.uint8))
            writer.write_sound(tone(label, start, end).astype(np.float32))
    videos = [Video(x, float(SECONDS), subset='val' if x == 'c' else 'train') for x in 'abc']
    write_events(Events.from_rows(truth, videos), 'events.json')
    return tmp_path


def mix(*options):
    main(['mix', 'videos', '--annotations', 'events.json', '--out', 'mixed', *options])


def test_copies_hold_what_their_annotations_say(data, capsys, monkeypatch):
    monkeypatch.setattr('mmdel.commands.mix.SPEEDS', (20,))  # so that pitches stay
    mix('--labels', 'b*', 'hum', '--copies', '3', '--events', '2')
    events = read_events('mixed/annotations.json')
    copies = {f'{x}_mix{n}' for x in 'ab' for n in (1, 2, 3)}  # of no video for validation
    assert set(events.video_ids) == {*'abc'} | copies
    assert events.select(['a', 'b', 'c']) == read_events('events.json')
    assert {video.subset for video in events.videos if video.video_id in copies} == {'train'}
    assert {path.stem for path in (data / 'mixed/videos').iterdir()} == copies
    num_more = 0
    for video_id in copies:
        samples = np.concatenate([b['s'] for b in MediaReader(f'mixed/videos/{video_id}.mkv', {'s': SoundRate(HZ)})])
        own = list(events.select([video_id]))
        num_more += len(own) - 1
        for event in own:
            inner = event.start_sec + 0.1, event.end_sec - 0.1
            assert event.end_sec - event.start_sec == pytest.approx(1, abs=0.01)
            assert level(samples, event.label, *inner) > 0.02
        for label in PITCHES:  # and nothing where they say nothing
            quiet = np.ones(SECONDS * 10, bool)
            for event in own:
                if event.label == label:
                    quiet[max(0, int(event.start_sec * 10) - 2) : int(event.end_sec * 10) + 5] = False
            for tenth in np.flatnonzero(quiet):
                assert level(samples, label, tenth / 10, tenth / 10 + 0.1) < 0.02
    assert num_more and f'6 copies of 2 videos, with {num_more} sounds' in capsys.readouterr().out


@pytest.mark.parametrize('speed', [17, 20, 23])
def test_speed_changes_pitch_and_length(speed):
    clip = Clip('beep', 1.0, 2.0, tone('beep', 1, 2))
    other = changed(clip, speed, 2.0)
    assert (other.start_sec, other.end_sec) == (1 * 20 / speed, 2 * 20 / speed)
    assert len(other.samples) == pytest.approx(SECONDS * HZ * 20 / speed, abs=1)
    part = other.samples[round((other.start_sec + 0.1) * HZ) : round((other.end_sec - 0.1) * HZ)]
    frequencies = np.fft.rfftfreq(len(part), 1 / HZ)
    assert frequencies[np.abs(np.fft.rfft(part)).argmax()] == pytest.approx(1000 * speed / 20, abs=2)
    assert np.abs(part).max() == pytest.approx(0.4, rel=0.02)


def test_a_seed_gives_the_same_and_another_another(data):
    texts = []
    for number, seed in enumerate(['1', '1', '2']):
        mix('--labels', '*', '--copies', '1', '--seed', seed, '--out', f'mixed{number}')
        texts.append((data / f'mixed{number}/annotations.json').read_text())
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    'options, words',
    [
        (['--labels', 'bell'], "no event is called 'bell'; there are beep, hum"),
        (['--labels', '*', '--subset', 'test'], "subset 'test'"),
        (['--labels', '*', '--copies', '0'], '--copies and --events must be positive'),
        (['--labels', '*', '--out', 'videos'], 'exists and is left alone'),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(data, capsys, options, words):
    with pytest.raises(SystemExit) as stop:
        mix(*options)
    assert stop.value.code == 2 and words in capsys.readouterr().err and not (data / 'mixed').exists()
