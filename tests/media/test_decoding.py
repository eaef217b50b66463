from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from media_files import COLUMNS, ROWS, click_times, clicks, numbers, write_media

from mmdel.media import MediaReader, PictureRate, SoundRate
from mmdel.media.decoding import Decoder, some_of
from mmdel.media.opening import open_media

pytest.importorskip('av')
HZ = 16000
TIMES = [k / 25 for k in range(50)]


def read(path, fps=25):
    reader = MediaReader(path, dict(v=PictureRate(fps, ROWS, COLUMNS), a=SoundRate(HZ)))
    blocks = list(reader)
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return numbers(joined['v']), joined.get('a'), reader


@pytest.mark.parametrize('suffix', ['mp4', 'mkv', 'avi', 'ts'])
def test_frames_come_once_each_in_order_at_their_times(tmp_path, suffix):
    path = write_media(
        tmp_path / f'x.{suffix}',
        TIMES,
        clicks([], 2, HZ),
        HZ,
        time_base=Fraction(1, 25),
        sound_codec='pcm_s16le' if suffix == 'avi' else 'aac',
        options={'bf': '3'},
    )
    for with_pictures in (True, False):
        with open_media(path) as media:
            decoder = Decoder(media, with_pictures)
            frames = list(decoder)
        starts = {kind: np.array([sec for name, _, sec in frames if name == kind]) for kind in ('picture', 'sound')}
        assert len(starts['picture']) == 50 * with_pictures
        np.testing.assert_allclose(np.diff(starts['picture']), 1 / 25, atol=0.0011)
        assert (np.diff(starts['sound']) > 0).all() and min(sec[0] for sec in starts.values() if len(sec)) < 0.001
        if with_pictures:
            end_sec = decoder.end_sec
        assert decoder.end_sec == pytest.approx(end_sec, abs=1e-9) and decoder.notes == []


def test_a_stream_without_any_times_has_pictures_at_its_rate_and_says_so(tmp_path):
    path = write_media(tmp_path / 'x.h264', TIMES, container='h264', options={'bf': '3', 'g': '12'})
    shown, _, reader = read(path)
    assert shown == [*range(50)]
    assert reader.notes == ['pictures without a time, taken for 25 a second: 50']


def test_recordings_that_were_joined_follow_one_another_in_sync(tmp_path):
    parts = [
        write_media(
            tmp_path / f'{k}.ts',
            [start + time for time in TIMES],
            clicks([0.5, 1.5], 2, HZ),
            HZ,
            sound_start_sec=float(start),
            options={'bf': '2'},
            time_base=Fraction(1, 25),
        )
        for k, start in enumerate([5, 0, 20_000])
    ]
    (tmp_path / 'x.ts').write_bytes(b''.join(part.read_bytes() for part in parts))
    shown, sound, reader = read(tmp_path / 'x.ts', fps=100)
    begins = [place for place in range(1, len(shown)) if shown[place] == 1 and shown[place - 1] == 0]
    firsts_sec = np.array(begins) / 100 - 0.04
    np.testing.assert_allclose(np.diff(firsts_sec), 2.05, atol=0.1)
    wanted = np.concatenate([first + np.array([0.5, 1.5]) for first in firsts_sec])
    np.testing.assert_allclose(click_times(sound, HZ), wanted, atol=0.07)  # the first of AAC is silence
    assert sum('timestamps jump' in note for note in reader.notes) == 2
    assert reader.info.duration_sec == pytest.approx(6.2, abs=0.15)


def test_pauses_of_a_second_and_more_are_noted(tmp_path):
    times = [*TIMES[:10], *(time + 3 for time in TIMES[:10])]
    path = write_media(tmp_path / 'x.mkv', times, clicks([], 1, HZ), HZ, sound_codec='flac', sound_start_sec=1.5)
    _, _, reader = read(path)
    assert reader.notes == ['it has no sound from 0.00 s to 1.50 s', 'it has no picture from 0.40 s to 3.00 s']


def test_many_notes_are_cut():
    assert some_of(['a', 'b', 'c']) == ['a', 'b', 'c'] and some_of([*'abcdef']) == [
        'a',
        'b',
        'c',
        'and 3 more of these',
    ]
