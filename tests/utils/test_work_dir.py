"""A work directory has one training; what killed ones leave in it is cleared."""

from __future__ import annotations

import errno
import os
import signal
import time

import pytest
from killed_training import finish, start

from mmdel.utils import work_dir
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole
from mmdel.utils.work_dir import claim_work_dir


def hold(folder):
    """A process that trains in a folder; it has claimed it when this returns."""

    def claim():
        claim_work_dir(folder)
        (folder / 'claimed').touch()
        time.sleep(60)

    process = start(claim)
    while not (folder / 'claimed').exists():
        time.sleep(0.01)
    return process


def test_a_second_training_is_refused_and_told_of_the_first(tmp_path):
    (tmp_path / 'link').symlink_to(tmp_path)
    process, printed = hold(tmp_path)
    for path in (tmp_path, tmp_path / 'link'):
        with pytest.raises(
            UserInputError, match=rf'another training is running in {path} \(process {process} on \S+\)'
        ):
            claim_work_dir(path)
    claim_work_dir(tmp_path / 'other')
    os.kill(process, signal.SIGKILL)
    finish(process, printed)
    claim_work_dir(tmp_path)  # a dead process holds nothing
    claim_work_dir(tmp_path)  # nor does one hold against itself
    assert finish(*start(lambda: claim_work_dir(tmp_path)))[0] == 2


def test_half_checkpoints_are_cleared_and_nothing_else(tmp_path):
    def write(name):
        with written_whole(tmp_path / name, 'wb') as file:
            file.write(b'half')
            file.flush()
            os._exit(9)

    names = ['epoch_1.pth', 'last_checkpoint', 'best_event_mAP_epoch_1.pth', 'events.json']
    for name in names:
        assert finish(*start(lambda name=name: write(name)))[0] == 9
    kept = ['epoch_1.pth', '.hidden', '.mine.pth', 'a.pth.12345678']
    for name in kept:
        (tmp_path / name).touch()
    claim_work_dir(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left > {*kept, '.lock'} and len(left) == len(kept) + 2  # a test may be writing its results
    assert any(name.startswith('.events.json.') for name in left)


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, capsys):
    def no_locks(*args):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(work_dir.fcntl, 'lockf', no_locks)
    claim_work_dir(tmp_path)
    assert 'cannot be locked: No locks available' in capsys.readouterr().out
