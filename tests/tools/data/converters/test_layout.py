"""Plans make what lacks, once, and overwrite nothing."""

import numpy as np
import pytest
from converters import LAYOUTS, Sources, make_plan
from converters.layout import Link, Repacked, Written
from tiny_data import write_unav_layout

from mmdel.utils.errors import UserInputError


def make(plan):
    made = plan.outstanding()
    for path, file in made.items():
        file.make(path)
    return len(made)


def test_run_again_it_makes_only_what_lacks(src, tmp_path):
    write_unav_layout(src)

    def run():
        return make(make_plan(LAYOUTS['unav100'], Sources(src), tmp_path / 'out'))

    assert (run(), run()) == (19, 0)
    (tmp_path / 'out/av_features/train_01_rgb.npy').unlink()
    assert (run(), run()) == (1, 0)


def test_in_place_there_is_nothing_to_do(src):
    write_unav_layout(src)
    plan = make_plan(LAYOUTS['unav100'], Sources(src, skipped=src), src)
    assert plan.outstanding() == {} and len(plan.files) == 19


def test_what_differs_is_named_and_nothing_changes(src, tmp_path):
    write_unav_layout(src)
    mine = tmp_path / 'out/av_features/train_00_rgb.npy'
    mine.parent.mkdir(parents=True)
    mine.write_text('mine')
    broken = mine.with_name('train_01_rgb.npy')
    broken.symlink_to(tmp_path / 'gone.npy')
    plan = make_plan(LAYOUTS['unav100'], Sources(src), tmp_path / 'out')
    with pytest.raises(UserInputError, match=r'2 files are there already and differ') as raised:
        plan.outstanding()
    assert str(mine) in str(raised.value) and str(broken) in str(raised.value)
    assert mine.read_text() == 'mine' and len(list((tmp_path / 'out').rglob('*.*'))) == 2


def test_features_may_lie_elsewhere(src, tmp_path):
    ann_file = write_unav_layout(src)
    (src / 'av_features').rename(tmp_path / 'elsewhere')
    sound = tmp_path / 'sound'
    sound.mkdir()
    for path in (tmp_path / 'elsewhere').glob('*_vggish.npy'):
        path.rename(sound / path.name)
    folders = {'visual': Sources(tmp_path / 'elsewhere'), 'audio': Sources(sound)}
    plan = make_plan(LAYOUTS['unav100'], Sources(ann_file.parent), tmp_path / 'out', folders)
    assert plan.lacking == {'visual': [], 'audio': []}


def test_features_that_cannot_be_meant_are_refused(src, tmp_path):
    write_unav_layout(src)
    first = src / 'av_features/train_00_rgb.npy'
    np.save(first, np.zeros((4, 400), np.float32))
    with pytest.raises(UserInputError, match=r'is \(4, 400\), but the visual features should be \(T, 1024\)'):
        make_plan(LAYOUTS['unav100'], Sources(src), tmp_path / 'out')
    first.write_text('not an array')
    with pytest.raises(UserInputError, match=r"unreadable-file, .* a text, which begins 'not an array'"):
        make_plan(LAYOUTS['unav100'], Sources(src), tmp_path / 'out')
    for path in (src / 'av_features').glob('*_rgb.npy'):
        path.unlink()
    (src / 'av_features.zip').touch()
    with pytest.raises(
        UserInputError,
        match=r'None of the 6 videos .* looked for as \{id\}_rgb\.npy .*\nStill packed: .*av_features\.zip;',
    ):
        make_plan(LAYOUTS['unav100'], Sources(src), tmp_path / 'out')


def test_files_fit_what_they_made_and_nothing_else(tmp_path):
    source = tmp_path / 'a.npy'
    np.save(source, np.ones((3, 2), np.float16))
    for name, file in (('b.npy', Link(source)), ('c.json', Written({'é': [1]})), ('d.npz', Repacked(source, 'feats'))):
        path, other = tmp_path / name, tmp_path / f'other_{name}'
        assert not file.fits(path)
        file.make(path)
        assert file.fits(path)
        other.write_text('something else')
        assert not file.fits(other)
    assert np.load(tmp_path / 'd.npz')['feats'].dtype == np.float16
