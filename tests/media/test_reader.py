"""Pictures that show their numbers and sound that clicks at known times, through files of many kinds."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import COLUMNS, ROWS, click_times, clicks, numbers, write_media

from mmdel.media import MediaReader, PictureRate, SoundRate
from mmdel.utils.errors import UserInputError

pytest.importorskip('av')
HZ = 16000
SMALL = PictureRate(25, ROWS, COLUMNS)
TIMES = [k / 25 for k in range(50)]
CLICKS = [0.5, 1.0, 1.5]
B_FRAMES = {'bf': '3', 'g': '12', 'crf': '18'}


def read(path, block_sec=8.0, **rates):
    """All of a file: name → array, and the reader."""
    reader = MediaReader(path, rates or dict(v=SMALL, a=SoundRate(HZ)), block_sec)
    blocks = list(reader)
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}, reader


def shown(path, fps=25):
    """The numbers of a file's pictures at a rate."""
    return numbers(read(path, v=PictureRate(fps, ROWS, COLUMNS))[0]['v'])


def naive(times_sec, end_sec, fps):
    """The number of the latest picture at the middle of each of the steady ones."""
    middles = (np.arange(max(1, round(end_sec * fps))) + 0.5) / fps
    return [max([k for k, time in enumerate(times_sec) if time <= middle + 0.0006], default=0) for middle in middles]


@pytest.mark.parametrize(
    ('suffix', 'codec', 'sound_codec', 'hz', 'delay_sec'),
    [  # with the delay of the sound's codec that the container does not tell, and its decoder therefore not take away
        ('mp4', 'libx264', 'aac', HZ, 0),
        ('mov', 'libx264', 'pcm_s16le', HZ, 0),
        ('mkv', 'libx264', 'flac', HZ, 0),
        ('webm', 'libvpx', 'libopus', 48000, 0),
        ('ts', 'libx264', 'aac', HZ, 1024 / HZ),
        ('flv', 'libx264', 'aac', HZ, 1024 / HZ),
        ('mpg', 'mpeg2video', 'mp2', 48000, 481 / 48000),
        ('avi', 'libx264', 'pcm_s16le', HZ, 0),
    ],
)
@pytest.mark.parametrize('start_sec', [0.0, 7.0])
def test_pictures_and_sound_of_every_container_are_on_one_clock(
    tmp_path, suffix, codec, sound_codec, hz, delay_sec, start_sec
):
    if suffix == 'avi' and start_sec:
        pytest.skip('AVI starts at 0')
    path = write_media(
        tmp_path / f'x.{suffix}',
        [time + start_sec for time in TIMES],
        clicks(CLICKS, 2, hz),
        hz,
        codec=codec,
        sound_codec=sound_codec,
        options=B_FRAMES if codec == 'libx264' else {},
        sound_start_sec=start_sec,
        time_base=Fraction(1, 25),
    )
    got, reader = read(path)
    assert reader.notes == []
    heard = np.array(click_times(got['a'], HZ))
    finer = numbers(read(path, v=PictureRate(1000, ROWS, COLUMNS))[0]['v'])
    first = finer.index(1) / 1000 - 1 / 25  # when picture 0 begins
    assert numbers(got['v'])[:50] == naive([first + time for time in TIMES], 2, 25)
    assert heard - first == pytest.approx(CLICKS, abs=delay_sec + 0.0025)
    assert -0.002 < first < 0.085
    assert len(got['a']) == round(reader.info.duration_sec * HZ) and reader.info.duration_sec < 2.12
    assert len(got['v']) == round(reader.info.duration_sec * 25)


@pytest.mark.parametrize('fps', [2.0, 7.3, 25, 60])
def test_variable_rates_and_pauses_follow_the_timestamps(tmp_path, fps):
    rng = np.random.default_rng(0)
    times = [0.0, *np.cumsum(rng.choice([0.02, 0.04, 0.1, 0.5], 60)).round(3).tolist()]
    path = write_media(tmp_path / 'x.mkv', times, options=B_FRAMES, time_base=Fraction(1, 1000))
    pictures, reader = read(path, v=PictureRate(fps, ROWS, COLUMNS))
    assert numbers(pictures['v']) == naive(times, reader.info.duration_sec, fps)
    assert times[-1] < reader.info.duration_sec <= times[-1] + 0.1


@settings(max_examples=10, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 400), min_size=1, max_size=40),
    fps=st.floats(0.5, 100),
    block_sec=st.floats(0.05, 20),
    start=st.integers(0, 10**7),
)
def test_any_timestamps_and_any_blocks_give_what_a_naive_search_gives(tmp_path_factory, gaps, fps, block_sec, start):
    times = np.concatenate([[0], np.cumsum(gaps)]) / 1000
    path = write_media(
        tmp_path_factory.mktemp('x') / 'x.mkv',
        (times + start / 1000).tolist(),
        codec='ffv1',
        pix_fmt='gray',
        time_base=Fraction(1, 1000),
    )
    pictures, reader = read(path, block_sec, v=PictureRate(fps, ROWS, COLUMNS))
    assert numbers(pictures['v']) == naive(times.tolist(), reader.info.duration_sec, fps)


def test_sound_that_starts_late_has_gaps_and_ends_early_is_placed_by_its_timestamps(tmp_path):
    parts = [(1.0, 0, HZ), (3.0, HZ, 2 * HZ)]  # a second from 1 s on, and one from 3 s on
    samples = clicks([0.25, 1.25], 2, HZ)
    times = [k / 10 for k in range(60)]
    path = write_media(
        tmp_path / 'x.mkv',
        times,
        samples,
        HZ,
        sound_codec='flac',
        sound_start_sec=parts,
        time_base=Fraction(1, 1000),
        rate=10,
    )
    got, _ = read(path, 1.0)
    assert click_times(got['a'], HZ) == pytest.approx([1.25, 3.25], abs=0.001)
    assert len(got['a']) == 6 * HZ and len(got['v']) == 6 * 25
    for silent in ((0, 0.99), (2.01, 2.99), (4.01, 6)):
        assert not got['a'][round(silent[0] * HZ) : round(silent[1] * HZ)].any()


def test_pictures_that_start_late_and_end_early_are_held(tmp_path):
    times = [2 + k / 25 for k in range(25)]
    path = write_media(tmp_path / 'x.mkv', times, clicks([4.5], 5, HZ), HZ, sound_codec='flac')
    got, _ = read(path)
    assert numbers(got['v']) == [0] * 50 + [*range(25)] + [24] * 50
    assert click_times(got['a'], HZ) == pytest.approx([4.5], abs=0.001)


def test_blocks_are_short_join_without_seams_and_are_the_same_again(tmp_path):
    path = write_media(tmp_path / 'x.mp4', TIMES, clicks(CLICKS, 2, HZ), HZ)
    rates = dict(v=PictureRate(20, 4, 8), fast=PictureRate(50, 2, 4), a=SoundRate(HZ), low=SoundRate(8000))
    reader = MediaReader(path, rates, block_sec=0.3)
    whole, _ = read(path, **rates)
    for _ in range(2):
        blocks = list(reader)
        assert all(
            len(block[name]) <= round(0.3 * rate)
            for block in blocks
            for name, rate in dict(v=20, fast=50, a=HZ, low=8000).items()
        )
        for name in rates:
            np.testing.assert_array_equal(np.concatenate([block[name] for block in blocks]), whole[name])


@pytest.mark.parametrize(
    ('name', 'codec', 'sample_format', 'layout', 'hz', 'tolerance'),
    [
        ('x.wav', 'pcm_u8', None, 'mono', 8000, 0.02),
        ('x.wav', 'pcm_s24le', None, 'stereo', 192000, 1e-4),
        ('x.wav', 'pcm_f32le', None, '5.1', 44100, 1e-4),
        ('x.wav', 'pcm_s64le', None, 'stereo', 48000, 1e-4),
        ('x.flac', 'flac', 's16', '7.1', 96000, 1e-3),
        ('x.mp3', 'libmp3lame', 's16p', 'stereo', 22050, 0.05),
        ('x.m4a', 'aac', None, '7.1', 48000, 0.05),
        ('x.ogg', 'libopus', None, 'stereo', 48000, 0.05),
        ('x.aiff', 'pcm_s16be', None, 'mono', 11025, 1e-3),
    ],
)
def test_sound_of_every_kind_is_the_mean_of_its_channels(tmp_path, name, codec, sample_format, layout, hz, tolerance):
    import av

    num_channels = av.AudioLayout(layout).nb_channels
    times = np.arange(hz) / hz
    tone = 0.5 * np.sin(2 * np.pi * 440 * times) * (times > 0.3)
    weights = np.linspace(0, 1, num_channels)[:, None] if num_channels > 1 else np.ones((1, 1))
    path = write_media(
        tmp_path / name,
        samples=(tone * weights).astype(np.float32),
        hz=hz,
        sound_codec=codec,
        sound_format=sample_format,
        layout=layout,
    )
    got, reader = read(path, a=SoundRate(HZ))
    assert reader.info.picture is None and set(got) == {'a'}
    assert reader.info.sound is not None and reader.info.sound.channels == num_channels
    assert abs(len(got['a']) - HZ) <= 1 or codec == 'libmp3lame'
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(HZ) / HZ) * weights.mean()
    middle = slice(HZ // 2, round(0.9 * HZ))
    assert np.abs(got['a'][middle] - wanted[middle]).max() < tolerance
    assert np.abs(got['a'][: round(0.28 * HZ)]).max() < tolerance


def test_a_file_without_sound_gives_pictures_alone_and_one_without_pictures_sound_alone(tmp_path):
    silent = write_media(tmp_path / 'x.mp4', TIMES)
    got, reader = read(silent)
    assert set(got) == {'v'} and reader.info.sound is None
    heard = write_media(tmp_path / 'x.wav', samples=clicks([1], 2, HZ), sound_codec='pcm_s16le')
    got, reader = read(heard)
    assert set(got) == {'a'} and reader.info.picture is None and len(got['a']) == 2 * HZ


@pytest.mark.parametrize('rates', [dict(a=SoundRate(HZ)), dict(v=SMALL)])
@pytest.mark.parametrize('suffix', ['mp4', 'mkv', 'ts', 'avi'])
def test_what_is_read_of_one_stream_does_not_depend_on_whether_the_other_is_asked_for(tmp_path, suffix, rates):
    times = [0.52 + k / 25 for k in range(80)]
    codec = 'pcm_s16le' if suffix == 'avi' else 'aac'
    path = write_media(
        tmp_path / f'x.{suffix}',
        times,
        clicks(CLICKS, 2, HZ),
        HZ,
        sound_codec=codec,
        sound_start_sec=0.8,
        options=B_FRAMES,
        time_base=Fraction(1, 25),
    )
    both, reader = read(path)
    alone, lone_reader = read(path, **rates)
    assert lone_reader.info == reader.info
    for name, values in alone.items():
        np.testing.assert_array_equal(values, both[name])


def test_an_mp4_that_starts_before_zero_or_skips_its_start_by_an_edit_list(tmp_path):
    path = write_media(
        tmp_path / 'x.mp4',
        [time - 0.4 for time in TIMES],
        clicks(CLICKS, 2, HZ),
        HZ,
        sound_start_sec=-0.4,
        options=B_FRAMES | {'g': '100'},
    )
    got, _ = read(path)
    heard = np.array(click_times(got['a'], HZ))
    skipped_sec = CLICKS[-1] - heard[-1]  # the muxer keeps what lies before zero out of what is shown
    assert numbers(got['v'])[5] == round(skipped_sec * 25) + 5 and 0.3 < skipped_sec < 0.5


def test_hours_of_silence_and_of_one_picture_come_block_by_block(tmp_path):
    path = write_media(
        tmp_path / 'x.mkv',
        [0, 3000, 6000, 9000],
        clicks([0.5], 1, 8000),
        8000,
        sound_codec='flac',
        time_base=Fraction(1, 1000),
        rate=1,
        options={'bf': '0'},
    )
    num_pictures = num_samples = 0
    tracemalloc.start()
    for block in MediaReader(path, dict(v=PictureRate(1, 2, 4), a=SoundRate(8000)), block_sec=60):
        assert len(block['v']) <= 60 and len(block['a']) <= 480_000
        num_pictures, num_samples = num_pictures + len(block['v']), num_samples + len(block['a'])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20e6  # of 288 MB that are given
    assert num_pictures == pytest.approx(9000, abs=1) and num_samples == pytest.approx(9000 * 8000, abs=8000)


def test_a_file_of_which_nothing_can_be_decoded_is_refused_with_the_reason(tmp_path):
    path = write_media(tmp_path / 'x.mkv', TIMES)
    content = bytearray(path.read_bytes())
    start = content.index(b'\x1f\x43\xb6\x75') + 20  # the first cluster
    content[start:] = bytes(len(content) - start)
    path.write_bytes(bytes(content))
    with pytest.raises(UserInputError, match=r'x\.mkv can be decoded'):
        list(MediaReader(path, dict(v=SMALL)))
