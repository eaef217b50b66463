"""Files are read with their path in every message, and written whole or not at all."""

from __future__ import annotations

import json
import os
import socket
import zipfile

import pytest
import torch

from mmdel.utils.errors import UserInputError
from mmdel.utils.files import (
    read_bytes,
    read_json,
    require_regular_file,
    why_not_unpacked,
    why_unopened,
    write_json,
    written_whole,
)


@pytest.mark.parametrize('content', [{'ä': [1.5, None]}, [], 'text'])
def test_what_is_written_is_read(tmp_path, content):
    path = tmp_path / 'new' / 'file.json'
    write_json(path, content)
    assert read_json(path, 'file') == content
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / 'file.json'
    write_json(path, 1)
    with pytest.raises(TypeError):
        write_json(path, object())
    with pytest.raises(KeyboardInterrupt), written_whole(path) as file:
        file.write('half')
        raise KeyboardInterrupt
    assert json.loads(path.read_text()) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_signal_that_comes_as_a_file_takes_its_name_is_what_ends_it(tmp_path, monkeypatch):
    def interrupted_replace(source, target, replace=os.replace):
        replace(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, 'replace', interrupted_replace)
    with pytest.raises(KeyboardInterrupt):
        write_json(tmp_path / 'file.json', 1)
    assert [path.name for path in tmp_path.iterdir()] == ['file.json'] and read_json(tmp_path / 'file.json', '') == 1


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserInputError, match=r'Cannot write to .*file/in\.json'):
        write_json(tmp_path / 'file' / 'in.json', 1)
    (tmp_path / 'folder').mkdir()
    with pytest.raises(UserInputError, match=r'Cannot write to .*folder'):
        write_json(tmp_path / 'folder', 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['file', 'folder']


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserInputError, match=r'Cannot read the list .*none\.json: No such file'):
        read_json(tmp_path / 'none.json', 'list')
    for text in ('{"a": ', '[' * 100_000, '\ufeff'):
        (tmp_path / 'broken.json').write_text(text, encoding='utf-8')
        with pytest.raises(UserInputError, match=r'The list .*broken\.json is not JSON: '):
            read_json(tmp_path / 'broken.json', 'list')


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (b'', 'is empty'),
        ('[1]'.encode('utf-16'), 'is text in UTF-16: save it as UTF-8'),
        ('["a"]'.encode('utf-16-le'), 'is text in UTF-16'),
        ('["a"]'.encode('utf-16-be'), 'is text in UTF-16'),
        ('[1]'.encode('utf-32'), 'is text in UTF-32'),
        ('[\n"caf\xe9"]'.encode('latin-1'), r'is not in UTF-8 \(byte 0xe9 in line 2\), but perhaps in Latin-1'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', 'is a Git LFS pointer.* git lfs pull'),
        (b'\n<!DOCTYPE html><html>', 'is a web page'),
        (b'PK\3\4 ...', 'is a zip archive'),
        (b'\x1f\x8b\x08', 'is a gzip archive'),
        (b'\x80\4K\1.', 'is a pickle, which is not opened'),
    ],
)
def test_what_is_no_json_is_named(tmp_path, content, said):
    (tmp_path / 'x.json').write_bytes(content)
    with pytest.raises(UserInputError, match=rf'The list .*x\.json {said}'):
        read_json(tmp_path / 'x.json', 'list')


def test_a_byte_order_mark_is_no_content(tmp_path):
    (tmp_path / 'x.json').write_text('\ufeff{"a": "\xe9"}', encoding='utf-8')
    assert read_json(tmp_path / 'x.json', 'list') == {'a': '\xe9'}


def test_pairs_go_through_the_hook(tmp_path):
    (tmp_path / 'file.json').write_text('{"a": 1, "a": 2}')
    assert read_json(tmp_path / 'file.json', 'file', list) == [('a', 1), ('a', 2)]


def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'folder').mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / 'socket'))
        for name, said in (
            ('pipe', 'a pipe'),
            ('folder', 'a folder'),
            ('socket', 'a socket'),
            ('/dev/zero', 'a device'),
        ):
            assert why_unopened(tmp_path / name) == f'it is {said}, not a file'
            (tmp_path / 'link').unlink(missing_ok=True)
            (tmp_path / 'link').symlink_to(tmp_path / name)
            for check in (require_regular_file, read_bytes, read_json):
                with pytest.raises(UserInputError, match=f'Cannot read the list .*link: it is {said}, not a file'):
                    check(tmp_path / 'link', 'list')
    (tmp_path / 'file').touch()
    require_regular_file(tmp_path / 'file', 'list')
    for name, said in (('none', 'No such file'), ('a\0b', 'embedded null'), ('x' * 300, 'File name too long')):
        with pytest.raises(UserInputError, match=f'Cannot read the list .*: {said}'):
            require_regular_file(tmp_path / name, 'list')


def test_a_file_beyond_the_memory_is_told(tmp_path):
    with open(tmp_path / 'huge', 'wb') as file:
        file.truncate(2**43)  # of holes
    with pytest.raises(UserInputError, match=r'huge: its 8796093022208 bytes do not fit in the memory'):
        read_bytes(tmp_path / 'huge', 'list')


def test_a_file_of_torch_holds_no_more_than_it_is_long(tmp_path):
    torch.save(torch.zeros(1000), tmp_path / 'a.pt')
    assert why_not_unpacked(tmp_path / 'a.pt') == ''
    with zipfile.ZipFile(tmp_path / 'a.pt') as archive, zipfile.ZipFile(tmp_path / 'b.pt', 'w', 8) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    assert 'claim to hold 4' in why_not_unpacked(tmp_path / 'b.pt')
    (tmp_path / 'c.pt').write_text('no archive')
    assert why_not_unpacked(tmp_path / 'c.pt') == ''
