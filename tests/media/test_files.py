from __future__ import annotations

from pathlib import Path

import pytest

from mmdel.media.files import find_media, media_ids
from mmdel.utils.errors import UserInputError


@pytest.fixture
def folder(tmp_path):
    for name in (
        'b.mp4',
        'a.wav',
        'sub/c.MKV',
        'sub/deep/d.flac',
        'notes.txt',
        '.hidden.mp4',
        'sub/.cache/e.mp4',
        'odd',
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'x')
    return tmp_path


def test_folders_give_what_is_media_in_them_sorted_and_each_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert find_media(['.']) == [Path(name) for name in ('a.wav', 'b.mp4', 'sub/c.MKV', 'sub/deep/d.flac')]
    assert find_media(['sub', 'b.mp4', str(folder / 'b.mp4'), 'sub/*.MKV']) == [
        Path(name) for name in ('b.mp4', 'sub/c.MKV', 'sub/deep/d.flac')
    ]


def test_files_are_taken_as_named_and_patterns_as_in_a_shell(folder):
    assert find_media([str(folder / 'odd')]) == [folder / 'odd']
    assert find_media([f'{folder}/*.mp4']) == [folder / 'b.mp4']
    assert find_media([f'{folder}/**/*.flac']) == [folder / 'sub/deep/d.flac']
    (folder / 'x[1].mp4').write_bytes(b'')
    assert find_media([str(folder / 'x[1].mp4')]) == [folder / 'x[1].mp4']  # a file before it is a pattern


@pytest.mark.parametrize(
    ('name', 'reason'),
    [('empty', 'a folder without media files'), ('*.avi', 'no file fits'), ('none.mp4', 'no such file or folder')],
)
def test_what_names_nothing_is_named(folder, name, reason):
    (folder / 'empty').mkdir()
    with pytest.raises(UserInputError, match=reason):
        find_media([str(folder), str(folder / name)])


def test_ids_are_stems_with_folders_only_where_stems_are_alike():
    paths = [Path(name) for name in ('/d/a/x.mp4', '/d/b/x.mp4', '/d/b/y.mp4', '/d/b/z.mp4', '/d/b/z.wav')]
    assert list(media_ids(paths).values()) == ['a_x', 'b_x', 'y', 'b_z.mp4', 'b_z.wav']


def test_ids_name_files_and_are_each_of_its_own():
    paths = [Path(name) for name in ('/d/a:b?.mp4', '/d/..mp4', '/d/ü/1.mp4', '/d/u/1.mp4')]
    ids = media_ids(paths)
    assert len({*ids.values()}) == 4 and not any('/' in name or ':' in name for name in ids.values())
    assert [*media_ids([Path('/d/a/x.mp4'), Path('/d/a_x.mp4'), Path('/d/b/x.mp4')]).values()] == [
        'a_x.mp4',
        'a_x',
        'b_x',
    ]
    with pytest.raises(UserInputError, match=r'one id, a_x_y\.mp4: /d/a_x/y\.mp4, /d/a/x_y\.mp4'):
        media_ids([Path(f'/d/{name}.mp4') for name in ('a_x/y', 'a/x_y', 'b/y', 'b/x_y')])
