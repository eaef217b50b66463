from __future__ import annotations

import numpy as np
import pytest
from media_files import click_times, clicks, numbered, numbers

from mmdel.media import MediaReader, PictureRate, SoundRate, VideoWriter, probe
from mmdel.media.remixing import replace_sound
from mmdel.utils.errors import UserInputError

pytest.importorskip('av')
HZ = 16000


def write(path, num, fps, samples):
    with VideoWriter(path, fps, 32, 64, None if samples is None else HZ) as writer:
        writer.write(np.stack([numbered(k) for k in range(num)]))
        if samples is not None:
            writer.write_sound(samples)
    return path


@pytest.mark.parametrize('with_sound', [True, False])
def test_the_pictures_stay_and_the_sound_is_the_given(tmp_path, with_sound):
    old = write(tmp_path / 'a.mp4', 50, 25, clicks([1.5], 2, HZ) if with_sound else None)
    new = clicks([0.25, 1.0], 2, HZ)
    replace_sound(old, np.array_split(new, 7), HZ, tmp_path / 'b.mkv')
    reader = MediaReader(tmp_path / 'b.mkv', dict(v=PictureRate(25, 2, 4), a=SoundRate(HZ)))
    blocks = list(reader)
    assert numbers(np.concatenate([block['v'] for block in blocks])[:50]) == [*range(50)]
    heard = np.concatenate([block['a'] for block in blocks])
    assert click_times(heard, HZ) == pytest.approx([0.25, 1.0], abs=0.002)
    assert probe(tmp_path / 'b.mkv').picture == probe(old).picture


def test_a_broken_file_is_named_and_nothing_is_left(tmp_path):
    (tmp_path / 'a.mp4').write_bytes(b'no media at all')
    with pytest.raises(UserInputError, match=r'a\.mp4'):
        replace_sound(tmp_path / 'a.mp4', [np.zeros(10)], HZ, tmp_path / 'b.mkv')
    assert [*tmp_path.iterdir()] == [tmp_path / 'a.mp4']
