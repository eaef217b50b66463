from __future__ import annotations

import numpy as np
import pytest
from media_files import click_times, clicks, numbered, numbers

from mmdel.media import MediaReader, PictureRate, SoundRate, VideoWriter, probe
from mmdel.utils.errors import UserInputError

av = pytest.importorskip('av')
HZ = 16000


@pytest.mark.parametrize('fps', [8, 25, 30000 / 1001])
@pytest.mark.parametrize('block', [1, 7, 100])
def test_what_is_written_is_read_again_in_sync(tmp_path, fps, block):
    num = round(3 * fps)
    pictures = np.stack([numbered(k) for k in range(num)])
    samples = clicks([0.5, 2.25], num / fps, HZ)
    with VideoWriter(tmp_path / 'x.mp4', fps, 32, 64, HZ) as writer:
        for start in range(0, num, block):
            writer.write(pictures[start : start + block])
            writer.write_sound(samples[round(start / fps * HZ) : round((start + block) / fps * HZ)])
    reader = MediaReader(tmp_path / 'x.mp4', dict(v=PictureRate(fps, 2, 4), a=SoundRate(HZ)))
    blocks = list(reader)
    assert numbers(np.concatenate([block['v'] for block in blocks])) == [*range(num)]
    heard = np.concatenate([block['a'] for block in blocks])
    assert click_times(heard, HZ) == pytest.approx([0.5, 2.25], abs=0.001)
    assert reader.notes == [] and reader.info.duration_sec == pytest.approx(num / fps, abs=1e-3)


def test_colours_come_back_and_odd_sizes_are_padded(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (5, 3, 3, 3), dtype=np.uint8)
    pictures = colours.repeat(17, axis=1).repeat(17, axis=2)  # 51 x 51
    with VideoWriter(tmp_path / 'x.mp4', 10, 51, 51, crf=4) as writer:
        writer.write(pictures)
    info = probe(tmp_path / 'x.mp4')
    assert (info.picture.height, info.picture.width, info.sound) == (52, 52, None)
    (block,) = MediaReader(tmp_path / 'x.mp4', dict(v=PictureRate(10, 52, 52)))
    errors = np.abs(block['v'][:, 8:51:17, 8:51:17].astype(int) - colours)
    assert errors.mean() < 3 and errors.max() < 16
    edge = np.abs(block['v'][:, 51, 8:51:17].astype(int) - colours[:, 2])
    assert edge.mean() < 6


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'deep/x.mp4'
    path.parent.mkdir()
    path.write_bytes(b'before')
    with pytest.raises(RuntimeError, match='stop'), VideoWriter(path, 10, 32, 64) as writer:
        writer.write(np.zeros((20, 32, 64, 3), np.uint8))
        raise RuntimeError('stop')
    assert path.read_bytes() == b'before' and [*path.parent.iterdir()] == [path]
    with VideoWriter(path, 10, 32, 64) as writer:
        writer.write(np.zeros((20, 32, 64, 3), np.uint8))
        assert path.read_bytes() == b'before'
    assert probe(path).duration_sec == 2 and [*path.parent.iterdir()] == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(UserInputError, match=r'Cannot write to .*file/x\.mp4'):
        VideoWriter(tmp_path / 'file/x.mp4', 1, 2, 2).__enter__()


def test_a_sound_that_never_comes_leaves_a_video_that_plays(tmp_path):
    with VideoWriter(tmp_path / 'x.mp4', 10, 32, 64, HZ) as writer:
        writer.write(np.zeros((20, 32, 64, 3), np.uint8))
    (block,) = MediaReader(tmp_path / 'x.mp4', dict(v=PictureRate(10, 2, 4), a=SoundRate(HZ)))
    assert len(block['v']) == 20 and not block.get('a', np.zeros(0)).any()
