"""Reading checkpoints: what is wrong with one is told with its path, whatever its length; which one is the latest."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.fileio import get_file_backend
from mmengine.runner.checkpoint import load_checkpoint, save_checkpoint

from mmdel.utils.checkpoints import (
    checkpoint_classes,
    describe_difference,
    latest_checkpoint,
    read_checkpoint,
    require_checkpoint,
)
from mmdel.utils.errors import UserInputError

WEIGHTS = {f'layer{k}.weight': torch.arange(100.0) + k for k in range(3)}


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('checkpoint') / 'epoch_1.pth'
    torch.save(dict(meta=dict(dataset_meta=dict(classes=('a', 'b'))), state_dict=WEIGHTS), path)
    return path


def refused(path) -> str:
    """What is said of a checkpoint that is not read."""
    with pytest.raises(UserInputError) as caught:
        read_checkpoint(str(path))
    assert str(path) in str(caught.value) and 'weights_only' not in str(caught.value)
    return str(caught.value)


def test_checkpoints_are_files_or_addresses(checkpoint, tmp_path):
    for path in (str(checkpoint), 'https://example.org/a.pth', 's3://bucket/a.pth'):
        assert require_checkpoint(path) == path
    for path in (str(tmp_path), str(tmp_path / 'b.pth')):
        with pytest.raises(UserInputError, match='no checkpoint'):
            require_checkpoint(path)


def test_what_is_whole_is_read(checkpoint):
    content = read_checkpoint(str(checkpoint))
    assert all(torch.equal(content['state_dict'][name], value) for name, value in WEIGHTS.items())
    assert checkpoint_classes(content) == ['a', 'b']


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_file_that_is_cut_off_or_zeroed_anywhere_is_told(checkpoint, tmp_path_factory, data):
    whole = checkpoint.read_bytes()
    start, length = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, len(whole)))
    end = min(start + length, len(whole))
    hole = data.draw(st.sampled_from([b'', bytes(end - start)]))
    broken = whole[:start] + (hole + whole[end:] if hole else b'')
    if broken == whole:
        return
    path = tmp_path_factory.getbasetemp() / 'broken.pth'
    path.write_bytes(broken)
    try:
        content = read_checkpoint(str(path))
    except UserInputError as error:
        assert str(path) in str(error) and '\n' not in str(error)
    else:  # what the archive does not need
        assert all(torch.equal(content['state_dict'][name], value) for name, value in WEIGHTS.items())


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'it is empty'),
        (b'abc', 'damaged'),
        (b'no checkpoint, but some lines\n' * 30, 'damaged'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n', 'damaged'),
        (b'PK\3\4', 'damaged'),
        (bytes(5000), 'damaged'),
        (torch.zeros(3), 'no weights by name, but a Tensor'),
        (dict(state_dict=[1, 2]), 'no weights by name'),
        (dict(meta=Fraction(1, 2)), 'refused.*foreign code.*Fraction'),
    ],
)
def test_what_is_no_checkpoint_is_told(content, reason, tmp_path):
    path = tmp_path / 'a.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    assert re.search(reason, refused(path))
    with pytest.raises(UserInputError, match=re.escape(str(path))):  # init_cfg=dict(type='Pretrained') reads so
        load_checkpoint(torch.nn.Linear(2, 2), str(path))


def test_what_cannot_be_opened_is_told(tmp_path):
    assert 'there is no checkpoint' in refused(tmp_path / 'absent.pth')
    assert 'No such file' in refused(tmp_path / 'a:b.pth')  # may be an address


def write(folder, epoch, time='20260101_000000', **more):
    """A checkpoint that can be resumed."""
    folder.mkdir(exist_ok=True)
    content = dict(state_dict=WEIGHTS, optimizer={}, message_hub={}, meta=dict(epoch=epoch, iter=2 * epoch, time=time))
    torch.save({**content, **more}, folder / f'epoch_{epoch}.pth')


def test_the_latest_lies_beside_the_file_that_names_it(tmp_path):
    assert latest_checkpoint(str(tmp_path)) is None
    here, elsewhere = tmp_path / 'here', tmp_path / 'elsewhere'
    for folder in (here, elsewhere):
        write(folder, 3)
        write(folder, 9)  # of another training, before
        (folder / 'last_checkpoint').write_text(str(elsewhere / 'epoch_3.pth'))
    assert latest_checkpoint(str(here)) == str(here / 'epoch_3.pth')
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work/last_checkpoint').write_text(str(elsewhere / 'epoch_3.pth'))
    assert latest_checkpoint(str(tmp_path / 'work/here'), str(tmp_path)) is not None  # of a checkpoint hook's out_dir


DAMAGE = {
    'empty': lambda path: path.write_bytes(b''),
    'damaged': lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    'damaged, incomplete': lambda path: path.write_bytes(bytes(path.stat().st_size)),
    'is not there': lambda path: path.unlink(),
    'lacks optimizer': lambda path: torch.save(dict(torch.load(path), optimizer=None), path),
    'lacks meta.epoch': lambda path: torch.save(dict(torch.load(path), meta=None), path),
}


@pytest.mark.parametrize('said', DAMAGE)
def test_where_the_last_is_broken_the_one_before_is_taken(tmp_path, logged, said):
    write(tmp_path, 7, '20260101_000000')  # of a training before
    for epoch in (2, 3, 4):
        write(tmp_path, epoch, f'20260202_00000{epoch}')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_4.pth'))
    DAMAGE[said](tmp_path / 'epoch_4.pth')
    torch.save(dict(state_dict=WEIGHTS), tmp_path / 'best_mAP_epoch_4.pth')
    assert latest_checkpoint(str(tmp_path)) == str(tmp_path / 'epoch_3.pth')
    (line,) = logged
    assert re.search(rf'epoch_4.pth .*{said}.*the training goes on from .*epoch_3.pth$', line) and '\n' not in line
    for epoch in (2, 3, 7):
        (tmp_path / f'epoch_{epoch}.pth').write_bytes(b'')
    with pytest.raises(UserInputError, match=rf'{said}.*epoch_2.pth .* is empty.*no checkpoint in {tmp_path}'):
        latest_checkpoint(str(tmp_path))


@pytest.mark.parametrize('note', [None, b'', bytes(20), b'\xff\xfe', b'gone.pth'])
def test_where_the_note_is_broken_the_last_that_was_written_is_taken(tmp_path, logged, note):
    write(tmp_path, 3)
    write(tmp_path, 4)  # in the same second
    if note is not None:
        (tmp_path / 'last_checkpoint').write_bytes(note)
    assert latest_checkpoint(str(tmp_path)) == str(tmp_path / 'epoch_4.pth')
    assert len(logged) == 1


@pytest.mark.parametrize('note', [None, 'epoch_3.pth'])
def test_a_folder_of_which_nothing_can_be_resumed_is_not_begun_anew(tmp_path, note):
    if note:
        (tmp_path / 'last_checkpoint').write_text(note)
    else:
        torch.save(dict(state_dict=WEIGHTS), tmp_path / 'best.pth')
    with pytest.raises(UserInputError, match=r'no checkpoint in .* to resume from'):
        latest_checkpoint(str(tmp_path))


def test_mmengine_writes_files_whole(tmp_path):
    """A file that is there stays until the new one is whole."""
    path = tmp_path / 'a.pth'
    save_checkpoint(dict(state_dict=WEIGHTS), str(path))
    before = path.read_bytes()
    with pytest.raises(TypeError):
        get_file_backend(str(path)).put('no bytes', str(path))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('foreign', [{}, dict(meta=None), dict(meta=dict(dataset_meta={})), dict(meta=[1])])
def test_a_foreign_checkpoint_names_no_classes(foreign):
    assert checkpoint_classes(foreign) == []


def test_lists_of_classes_are_told_with_the_first_that_differ():
    assert describe_difference(['a', 'b', 'c'], ['a', 'c', 'b']).splitlines() == [
        "the classes of the checkpoint are not those of the data, from number 1 on: 'b', not 'c'",
        'checkpoint, 3: a, b, c',
        'data, 3: a, c, b',
    ]
    assert "number 2 on: 'c', not 'none'" in describe_difference(['a', 'b', 'c'], ['a', 'b'])
