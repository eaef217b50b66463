"""Files are found by name, wherever they lie, and never taken for one another."""

import pytest
from converters.sources import FeatureFiles, Sources

from mmdel.utils.errors import UserInputError

FILES = FeatureFiles('features/{id}.npy', ('{id}_rgb.npy', '{id}.npy'), 4, words=('i3d',), other_words=('audio',))


def test_the_most_telling_name_goes_first(src, write):
    write('deep/er/a.npy', (3, 4))
    write('a_rgb.npy', (3, 4))
    write('deep/b.npy', (3, 4))
    found = Sources(src).features(['a', 'b', 'c'], FILES)
    assert found == {'a': src / 'a_rgb.npy', 'b': src / 'deep/b.npy'}


def test_words_in_the_path_choose_and_exclude(src, write):
    for folder in ('i3d_features', 'tsn', 'audio'):
        write(f'{folder}/a.npy', (3, 4))
    write('audio/b.npy', (3, 4))
    assert Sources(src).features(['a', 'b'], FILES) == {'a': src / 'i3d_features/a.npy'}
    # A word above the folder that was named says nothing.
    assert Sources(src / 'tsn').features(['a'], FILES) == {'a': src / 'tsn/a.npy'}
    sound = FeatureFiles('x/{id}.npy', ('{id}.npy',), 4, words=('audio',), needs_word=True)
    assert Sources(src).features(['a', 'b'], sound) == {name: src / f'audio/{name}.npy' for name in 'ab'}
    assert Sources(src / 'tsn').features(['a'], sound) == {}


def test_two_files_of_a_video_are_an_error_that_names_both(src, write):
    for folder in ('tsn', 'clip'):
        write(f'{folder}/a.npy', (3, 4))
    with pytest.raises(UserInputError, match='video a: ') as raised:
        Sources(src).features(['a'], FILES)
    assert str(src / 'tsn') in str(raised.value) and str(src / 'clip') in str(raised.value)


def test_several_roots_and_links_that_lead_in_circles(src, write, tmp_path):
    write('x/a.npy', (3, 4))
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other/link').symlink_to(src)
    (src / 'x/up').symlink_to(src)
    found = Sources(src / 'x', tmp_path / 'other').features(['a'], FILES)
    assert list(found) == ['a']


def test_what_is_being_made_is_not_looked_into(src, write):
    write('x/a.npy', (3, 4))
    write('out/a.npy', (3, 4))
    assert Sources(src, skipped=src / 'out').features(['a'], FILES) == {'a': src / 'x/a.npy'}
    assert Sources(src / 'out', skipped=src / 'out').features(['a'], FILES) == {'a': src / 'out/a.npy'}


def test_one_file_of_a_name_or_equal_ones(src, write):
    write('a/x.json', {'n': 1})
    write('b/x.json', {'n': 1})
    assert Sources(src).find('absent.json', 'x.json').name == 'x.json'
    assert Sources(src).find('absent.json') is None
    write('b/x.json', {'n': 2})
    with pytest.raises(UserInputError, match=r'There are different files x\.json'):
        Sources(src).find('x.json')


def test_archives_that_are_still_packed_are_named(src, write):
    write('a.json', {})
    assert Sources(src).packed() == ''
    for name in ('thumos.tar.gz', 'deep/features.7z.001', 'x.ZIP'):
        write(name, '')
    said = Sources(src).packed()
    assert all(name in said for name in ('thumos.tar.gz', 'deep/features.7z.001', 'x.ZIP')) and 'a.json' not in said


def test_an_id_finds_its_file_in_either_unicode_form(src, write):
    write('cafe\u0301.npy', (3, 4))
    assert Sources(src).features(['caf\xe9'], FILES) == {'caf\xe9': src / 'cafe\u0301.npy'}


def test_an_absent_folder_is_named(src):
    with pytest.raises(UserInputError, match=r'There is no folder .*src'):
        Sources(src)
