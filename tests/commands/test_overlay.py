from __future__ import annotations

import argparse

import pytest
from media_files import clicks, write_media

from mmdel.commands import overlay
from mmdel.events import Events, write_events
from mmdel.media import probe
from mmdel.utils.errors import UserInputError

pytest.importorskip('av')


def run(*words):
    parser = argparse.ArgumentParser()
    overlay.add_arguments(parser)
    overlay.main(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def files(tmp_path):
    video = write_media(tmp_path / 'x.mp4', [k / 10 for k in range(10)], clicks([0.5], 1, 16000), rate=10)
    found = Events.from_rows([('x', 0.2, 0.5, 'cat', 0.9), ('y', 0.1, 0.4, 'dog', 0.9)])
    write_events(found, tmp_path / 'found.csv')
    write_events(Events.from_rows([('x', 0.2, 0.6, 'cat')]), tmp_path / 'truth.csv')
    return tmp_path, video


def test_a_video_and_its_events_become_one_video(files, capsys):
    folder, video = files
    out = folder / 'out.mp4'
    run(video, folder / 'found.csv', '--truth', folder / 'truth.csv', '--out', out)
    assert f'written: {out} (1.0 s in ' in capsys.readouterr().out
    assert probe(out).duration_sec == pytest.approx(1.0) and probe(out).sound is not None
    with pytest.raises(UserInputError, match='exists and is left alone'):
        run(video, folder / 'found.csv', '--out', out)
    run(video, folder / 'found.csv', '--out', out, '--overwrite', '--video-id', 'y')


def test_a_video_that_was_cut_off_is_drawn_as_far_as_it_goes(files, capsys):
    folder, _ = files
    path = write_media(folder / 'x.mkv', [k / 10 for k in range(50)], rate=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    run(path, folder / 'found.csv', '--out', folder / 'out.mp4')
    said = capsys.readouterr().out
    assert 'cut off' in said and 'written: ' in said


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--out', 'out.avi'], '--out names the .mp4 file to write, got out.avi'),
        (['--out', 'out.mp4', '--video-id', 'z'], r'found\.csv has no video z'),
    ],
)
def test_wrong_words_are_told(files, words, message):
    folder, video = files
    with pytest.raises(UserInputError, match=message):
        run(video, folder / 'found.csv', *words)
