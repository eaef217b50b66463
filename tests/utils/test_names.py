from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdel.utils.names import (
    cut_suffix,
    file_name,
    media_name,
    nearest,
    plain_name,
    to_integer,
    to_label,
    to_name,
    visible,
)


def test_an_accent_is_one_character_or_two_and_the_same_name():
    assert to_name('cafe\u0301') == to_name('caf\xe9') == 'caf\xe9'


@pytest.mark.parametrize(
    ('value', 'label'),
    [
        *[('x', 'x'), (' dog\t', 'dog'), ('a  b', 'a  b'), ('cafe\u0301', 'caf\xe9'), ('1.5', '1.5'), ('007', '007')],
        *[('3', '3'), (3, '3'), (3.0, '3'), ('3.0', '3'), (' 3.00 ', '3'), (-1, '-1')],
        *((x, None) for x in ('', ' \n', None, True, 1.5, float('nan'), [], ['dog'], {}, {'dog': 1})),
    ],
)
def test_a_label_is_a_text_without_white_space_around_it_and_a_whole_number_is_its_text(value, label):
    assert to_label(value) == label


def test_whole_numbers_are_read_from_texts_too():
    assert [to_integer(x) for x in (3, 3.0, '3', ' 3.0 ', '007', -1)] == [3, 3, 3, 3, 7, -1]
    assert [to_integer(x) for x in (True, 1.5, '1.5', '', 'x', '3,0', None, [], '9' * 20, '\u0663')] == 10 * [None]


def test_names_that_a_reader_takes_for_one_are_plainly_the_same():
    assert len({plain_name(x) for x in ('Dog bark', 'dog  bark', 'dog_bark', 'DOG-BARK', ' dog\xa0bark')}) == 1
    assert plain_name('dog bark') != plain_name('dogbark')


HOSTILE = [
    *['..', '../x', '/etc/x', 'a/b', 'a_b', 'a%2Fb', '.x', ''],
    *['a\nb', '\x1b[31m', '{id}', 'a\0', '\udce9', '\\a', 'é' * 150],
]
NAMES = st.text(max_size=300) | st.sampled_from(HOSTILE) | st.integers(90, 300).map(lambda size: 'é' * size)


@given(NAMES, NAMES)
def test_each_id_has_a_file_name_of_its_own_in_no_other_folder(name, other):
    written = file_name(name)
    assert os.path.basename(written) == written and not written.startswith('.') and written.isprintable()
    assert len(written.encode()) <= 200 and (file_name(other) == written) == (other == name)


def test_usual_ids_name_their_files_as_they_are():
    for name in ('v_--1DO2V4K74', '犬 1', 'a.b', 'a,b', 'a=1+2@c', 'video_test_0000004', 'é'):
        assert file_name(name) == name
    assert [file_name(name) for name in ('a/b', '../x', 'a%b', '{}')] == ['a%2Fb', '%2E.%2Fx', 'a%25b', '%7B%7D']


@given(st.text(st.characters()))
def test_what_is_shown_steers_no_terminal_and_keeps_all_that_is_seen(text):
    shown = visible(text)
    assert not {unicodedata.category(char) for char in shown} & {'Cc', 'Cs', 'Zl', 'Zp'}
    shown.encode()
    assert not set(shown) & set('\u202a\u202e\u2066\u200f')
    assert visible(shown) == shown
    if text.isprintable():
        assert shown == text


def test_control_characters_are_shown_by_their_codes():
    assert visible('a\x1b[2Jb\n\u202ec\udce9 é') == '\\'.join(['a', 'x1b[2Jb', 'n', 'u202ec', 'udce9 é'])
    assert visible('a\n\t\r', kept='\n\t') == 'a\n\t\\r'


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        *[('a.wav', 'a'), ('a.b.MP4', 'a.b'), ('007', '007'), ('v1.5', 'v1.5'), ('a.wav.mp3', 'a.wav')],
        *[('/x/y z/a.mkv', 'a'), (r'C:\\videos\\a.avi', 'a'), ('file:///x/a%20b.mp4', 'a b'), ('a%20b.mp4', 'a%20b')],
        *[('cafe\u0301.wav', 'caf\xe9'), ('', '')],
    ],
)
def test_a_video_is_called_as_its_file(text, name):
    assert media_name(text) == name


def test_a_media_suffix_is_cut_off_and_folders_stay():
    assert [cut_suffix(text) for text in ('x/a.flac', 'x/a', 'a.txt', '.wav')] == ['x/a', 'x/a', 'a.txt', '.wav']


@pytest.mark.parametrize(
    ('name', 'names', 'hint'),
    [
        ('max_epoch', {'max_epochs', 'max_iters'}, '; did you mean max_epochs?'),
        ('EVENT/map', {'event/mAP', 'event/AR'}, '; did you mean event/mAP?'),
        ('mmdel.Pack', {'mmdel.PackEvents', 'mmdet.Pack'}, '; did you mean mmdel.PackEvents?'),  # the scope is right
        ('mmdle.Pack', {'mmdel.Pack'}, '; did you mean mmdel.Pack?'),
        ('mmdel.NoHook', {'mmdel.EMA'}, ''),
        ('colour', {'type', 'size'}, ''),
    ],
)
def test_the_nearest_name(name, names, hint):
    assert nearest(name, names) == hint
