from __future__ import annotations

import numpy as np
import pytest
from media_files import click_times, clicks, numbers, write_media

from mmdel.events import Events
from mmdel.media import MediaReader, PictureRate, SoundRate, probe
from mmdel.utils.errors import UserInputError
from mmdel.visualization.overlay import events_of_video, write_overlay

av = pytest.importorskip('av')
HZ = 16000
FOUND = Events.from_rows([('x', 0.5, 1.0, 'cat', 0.9), ('x', 0.7, 1.5, 'dog', 0.3), ('x', 0, 2, 'no', 0.01)])


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('media') / 'x.mp4'
    return write_media(path, [k / 20 for k in range(40)], clicks([0.5, 1.5], 2, HZ), HZ, rate=20)


def test_pictures_and_sound_are_the_videos_own_above_a_strip_of_events(video, tmp_path):
    told = []
    notes = write_overlay(video, FOUND, tmp_path / 'out.mp4', advance=lambda *done: told.append(done))
    assert notes == [] and np.sum(told, axis=0) == pytest.approx([1, 2])
    info = probe(tmp_path / 'out.mp4')
    assert info.picture.fps == 20 and info.duration_sec == pytest.approx(2)
    assert info.picture.width == 32 * 12 * 2 and info.picture.height > 32 * 12  # 64 x 32, twelve times as large
    rates = dict(v=PictureRate(20, info.picture.height, info.picture.width), a=SoundRate(HZ))
    blocks = list(MediaReader(tmp_path / 'out.mp4', rates))
    pictures = np.concatenate([block['v'] for block in blocks])
    assert numbers(pictures[:, :384]) == [*range(40)]
    assert click_times(np.concatenate([block['a'] for block in blocks]), HZ) == pytest.approx([0.5, 1.5], abs=0.002)
    strips = pictures[:, 384:].astype(int)
    changes = np.abs(np.diff(strips[:, :60], axis=0)).max(axis=(1, 2, 3)) > 60
    assert np.flatnonzero(changes).tolist() == [9, 13, 19, 29]  # cat comes, dog comes, cat goes, dog goes


@pytest.mark.parametrize(('height', 'width'), [(62, 34), (400, 90)])
def test_small_and_narrow_videos_get_room_for_the_strip(tmp_path, height, width):
    pictures = [np.full((height, width, 3), 200, np.uint8)] * 3
    path = write_media(tmp_path / 'x.mp4', [0, 0.04, 0.08], pictures=pictures)
    write_overlay(path, FOUND, tmp_path / 'out.mp4', truth=FOUND)
    shown = probe(tmp_path / 'out.mp4').picture
    assert (
        shown.width == max(480, width * -(-360 // height))
        and shown.height > 360
        and probe(tmp_path / 'out.mp4').sound is None
    )


def test_what_is_there_is_kept_and_what_fails_leaves_nothing(video, tmp_path):
    out = tmp_path / 'out.mp4'
    out.write_bytes(b'before')
    with pytest.raises(UserInputError, match=r'out\.mp4 exists and is left alone'):
        write_overlay(video, FOUND, out)

    def stop(num_videos, media_sec):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_overlay(video, FOUND, out, overwrite=True, advance=stop)
    assert out.read_bytes() == b'before' and [*tmp_path.iterdir()] == [out]
    write_overlay(video, FOUND, out, overwrite=True)
    assert probe(out).duration_sec == 2


def test_sound_alone_has_nothing_to_draw_on(tmp_path):
    path = write_media(tmp_path / 'x.wav', samples=clicks([0.5], 1, HZ), sound_codec='pcm_s16le')
    with pytest.raises(UserInputError, match=r'x\.wav has no pictures to draw on'):
        write_overlay(path, FOUND, tmp_path / 'out.mp4')


def test_the_videos_events_are_found_by_name_or_as_told():
    table = Events.from_rows([('a.mp4', 0, 1, 'p'), ('b', 0, 1, 'q')])
    assert events_of_video(table, '/d/a.mkv', None, 'f').video_ids == ('a.mp4',)
    assert events_of_video(table, '/d/a.mkv', 'b', 'f').video_ids == ('b',)
    assert events_of_video(table.select({'b'}), '/d/c.mkv', None, 'f').video_ids == ('b',)
    for video, video_id in (('/d/c.mkv', None), ('/d/a.mp4', 'c')):
        with pytest.raises(UserInputError, match=r'f\.csv has no video c.*, but 2 others \(a\.mp4, b …\)'):
            events_of_video(table, video, video_id, 'f.csv')
