import errno
import logging
import math
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from killed_training import config, train
from mmengine.config import Config
from mmengine.logging import MessageHub

from mmdel.engine.hooks import RunCheckpointHook
from mmdel.utils.errors import UserInputError

STATE = dict(message_hub={}, optimizer={}, state_dict={})


def folder_of(path, best='best_event_mAP_epoch_3.pth'):
    path.mkdir()
    for epoch, name in ((3, 'epoch_3.pth'), (4, 'epoch_4.pth'), (3, best)):
        torch.save(dict(STATE, meta=dict(epoch=epoch, iter=2 * epoch)), path / name)
    (path / 'last_checkpoint').write_text(str(path / 'epoch_4.pth'))
    return path


def content_of(folder):
    return {path.name for path in folder.iterdir()}


def runner_of(work_dir, checkpoint=None, **dataloaders):
    return SimpleNamespace(
        work_dir=str(work_dir),
        cfg=Config(dataloaders),
        epoch=4,
        iter=8,
        logger=logging.getLogger(__name__),
        message_hub=MessageHub(str(work_dir)),
        save_checkpoint=lambda folder, filename, *args, **kwargs: Path(folder, filename).touch(),
        _resume=True,
        _load_from=None if checkpoint is None else str(checkpoint),
    )


def resume(runner, trained_in, out_dir=None):
    """A run that resumes from a checkpoint of ``trained_in`` and finds a better one at its next validation."""
    hook = RunCheckpointHook(max_keep_ckpts=1, save_best='event/mAP', rule='greater', out_dir=out_dir)
    hook.before_run(runner)
    hub = MessageHub('of the checkpoint')
    for key, value in dict(
        best_ckpt=f'{trained_in}/best_event_mAP_epoch_3.pth',
        best_score=0.5,
        last_ckpt=f'{trained_in}/epoch_4.pth',
        keep_ckpt_ids=[3, 4],
    ).items():
        hub.update_info(key, value)
    state = hub.state_dict()
    hook.after_load_checkpoint(runner, dict(message_hub=state, meta=dict(epoch=4, iter=8)))
    runner.message_hub.load_state_dict(state)
    hook.before_train(runner)
    hook.after_val_epoch(runner, {'event/mAP': 0.6})
    return state['runtime_info']


def test_another_run_keeps_its_files(tmp_path):
    other = folder_of(tmp_path / 'a')
    own = folder_of(tmp_path / 'b')
    before = content_of(other), content_of(own)
    info = resume(runner_of(own, other / 'epoch_4.pth'), other)
    assert content_of(other) == before[0]
    assert content_of(own) == before[1] | {'best_event_mAP_epoch_4.pth'}  # epoch 3 is not the other's, either
    assert 'best_ckpt' not in info and 'keep_ckpt_ids' not in info


@pytest.mark.parametrize('named', [False, True])
@pytest.mark.parametrize('still_there', [False, True])
def test_a_copied_or_moved_folder_goes_on_by_itself(tmp_path, named, still_there):
    old = folder_of(tmp_path / 'a')
    before = content_of(old)
    new = tmp_path / 'b'
    (shutil.copytree if still_there else shutil.move)(old, new)
    runner = runner_of(new, new / 'epoch_4.pth' if named else None)
    resume(runner, old)
    assert runner._load_from == str(new / 'epoch_4.pth')
    assert still_there is old.exists() and (not still_there or content_of(old) == before)
    assert content_of(new) == {'epoch_4.pth', 'last_checkpoint', 'best_event_mAP_epoch_4.pth'}


def test_without_its_file_the_best_score_is_forgotten(tmp_path):
    folder = folder_of(tmp_path / 'a', best='other.pth')
    assert resume(runner_of(folder), folder).keys() == {'keep_ckpt_ids', 'last_ckpt'}


def test_a_folder_for_checkpoints_elsewhere_is_the_run_s_own(tmp_path):
    folder = folder_of(tmp_path / 'run')
    (tmp_path / 'work').mkdir()
    info = resume(runner_of(tmp_path / 'work/run', folder / 'epoch_4.pth'), folder, out_dir=str(tmp_path))
    assert info['best_ckpt'] == str(folder / 'best_event_mAP_epoch_3.pth') and info['best_score'] == 0.5


def test_a_checkpoint_that_is_not_beside_its_record_is_not_looked_for_elsewhere(tmp_path):
    hook, runner = RunCheckpointHook(), runner_of(tmp_path)
    hook.before_run(runner)
    assert runner._load_from is None
    other = folder_of(tmp_path / 'a')
    (tmp_path / 'last_checkpoint').write_text(str(other / 'epoch_4.pth'))
    with pytest.raises(UserInputError, match=r'epoch_4.pth is not there. There is no checkpoint in .* to resume from'):
        hook.before_run(runner)


def test_a_checkpoint_can_have_nothing_removed_but_checkpoints_of_its_folder(tmp_path):
    """Whatever names it gives."""
    own = folder_of(tmp_path / 'a')
    for name in ('b.pth', 'a/config.py', 'a/epoch_2.pth'):
        (tmp_path / name).touch()
    state = MessageHub('hostile').state_dict()
    state['runtime_info'] = dict(keep_ckpt_ids=['../../b', 3, 4], best_ckpt=f'{tmp_path}/config.py', best_score=0.1)
    outdated = ['../b.pth', f'{tmp_path}/b.pth', 'config.py', 'epoch_2.pth', 5]
    hook, runner = RunCheckpointHook(max_keep_ckpts=1, save_best='event/mAP', rule='greater'), runner_of(own)
    hook.before_run(runner)
    hook.after_load_checkpoint(runner, dict(message_hub=state, meta=dict(epoch=4, iter=8), outdated=outdated))
    runner.message_hub.load_state_dict(state)
    hook.before_train(runner)
    hook.after_val_epoch(runner, {'event/mAP': 0.6})
    assert content_of(tmp_path) == {'a', 'b.pth'}
    expected = {'config.py', 'epoch_4.pth', 'last_checkpoint', 'best_event_mAP_epoch_4.pth'}
    assert content_of(own) == expected | {'best_event_mAP_epoch_3.pth'}  # of which the checkpoint does not know


@pytest.mark.parametrize(('rule', 'better'), [('greater', 0.6), ('less', 0.4)])
def test_a_score_that_is_no_number_is_never_the_best(tmp_path, rule, better):
    hook, runner = RunCheckpointHook(save_best=['event/mAP', 'a'], rule=rule), runner_of(tmp_path)
    hook.before_run(runner)
    hook.before_train(runner)
    infinite = math.inf if rule == 'greater' else -math.inf
    for score in (math.nan, infinite, None, 0.5, math.nan, infinite, better, 0.5):
        hook.after_val_epoch(runner, {'event/mAP': score, 'a': math.nan})
    assert runner.message_hub.get_info('best_score_event/mAP') == better
    assert {path.name for path in tmp_path.glob('best*')} == {'best_event_mAP_epoch_4.pth'}


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    """One line names the file that is not written; a half one does not stay."""

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    train(config(tmp_path))
    before = {path.name: path.read_bytes() for path in tmp_path.glob('*.pth')}
    cfg = config(tmp_path, resume=True)
    cfg.train_cfg.max_epochs = 3
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(UserInputError, match=rf'^Cannot write to {tmp_path}/epoch_3.pth: No space left on device$'):
        train(cfg)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if '.pth' in path.name} == before


@pytest.mark.parametrize(
    'val, test, kept',
    [
        (dict(subset='val'), dict(subset='test'), True),
        (dict(subset='val'), dict(subset='Val'), False),
        (dict(subset='val'), dict(subset=['test', 'val']), False),
        (dict(subset='val'), dict(subset='val', ann_file='b.json'), True),
        (dict(subset='val'), None, True),
        (dict(), dict(), True),
    ],
)
def test_the_best_is_not_picked_by_the_videos_of_the_test(tmp_path, caplog, val, test, kept):
    caplog.set_level('INFO')
    loaders = {
        f'{split}_dataloader': options and dict(dataset={'ann_file': 'a.json', **options})
        for split, options in dict(val=val, test=test).items()
    }
    hook, runner = RunCheckpointHook(save_best='event/mAP'), runner_of(tmp_path, **loaders)
    runner._resume = False
    hook.before_run(runner)
    hook.before_train(runner)
    assert bool(hook.save_best) is kept
    assert ('No best checkpoint is kept' in caplog.text) is not kept
