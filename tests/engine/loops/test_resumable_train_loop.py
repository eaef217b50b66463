"""A training that is ended anywhere, in any way, goes on to the very bits of one that was not."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import DEVICE
from killed_training import DEAD, NUM_ITERS, assert_same, config, content, die_before, finish, forked, start, train

pytestmark = pytest.mark.skipif(DEVICE != 'cpu', reason='a process that uses a GPU cannot be forked')
WHOLE = {'epoch_2.pth', 'best_tiny_score_epoch_2.pth', 'last_checkpoint'}


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The work directory of an uninterrupted training."""
    work_dir = tmp_path_factory.mktemp('whole')
    train(config(work_dir))  # in this process, so that those that are forked of it have all modules
    assert content(work_dir) == WHOLE
    return work_dir


def resumed(work_dir, whole, **options) -> str:
    """Resumes and compares with the uninterrupted training. What was printed."""
    status, printed = forked(lambda: train(config(work_dir, resume=True, **options)))
    assert status == 0, printed
    assert content(work_dir) == WHOLE, printed
    for name in ('epoch_2.pth', 'best_tiny_score_epoch_2.pth'):
        assert_same(torch.load(work_dir / name), torch.load(whole / name))
    return printed


def test_it_may_die_before_any_file_is_renamed_or_removed(whole, tmp_path):
    """Each time, what lies there is resumed, and the resumed run dies in the same way at its second."""

    def run(work_dir, operation, **options):
        die_before(operation)
        train(config(work_dir, **options))

    for operation in range(1, 100):
        work_dir = tmp_path / str(operation)
        status, printed = forked(partial(run, work_dir, operation))
        if status == 0:
            break
        assert status == DEAD, printed
        status, printed = forked(partial(run, work_dir, 1, resume=True))
        assert status in (0, DEAD), printed
        resumed(work_dir, whole)
    assert operation > 10


@pytest.mark.parametrize(
    ('num_workers', 'when', 'left'),
    [
        (0, 'train 5', 'iter_6.pth'),
        (2, 'train 5', 'iter_6.pth'),
        (0, 'train 3', 'epoch_1.pth'),
        (0, 'val 1', 'epoch_1.pth'),
    ],
)
def test_a_signal_ends_it_in_good_order(whole, tmp_path, num_workers, when, left):
    """After the iteration, with one line; in a validation at once. The epoch goes on, and the validation is made up."""
    work_dir = tmp_path / 'stopped'
    if num_workers:
        whole = tmp_path / 'whole'
        assert forked(lambda: train(config(whole, num_workers=num_workers)))[0] == 0
    for signum in (signal.SIGINT, signal.SIGTERM):

        def tell(now, signum=signum):
            if now == when:
                os.kill(os.getpid(), signum)

        status, printed = forked(lambda: train(config(work_dir, num_workers=num_workers), tell))
        assert status == 128 + signum
        assert printed.splitlines()[-1].startswith(f'stopped by {signum.name} after iteration ')
        assert f'go on from {work_dir / left} with --resume' in printed and 'Traceback' not in printed
        assert left in content(work_dir) and (work_dir / 'last_checkpoint').read_text() == str(work_dir / left)
        resumed(work_dir, whole, num_workers=num_workers)
        shutil.rmtree(work_dir)


def test_a_second_signal_ends_it_at_once(tmp_path):
    def tell(now):
        if now == 'train 5':
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    assert forked(lambda: train(config(tmp_path), tell))[0] == -signal.SIGTERM
    assert content(tmp_path) == {'epoch_1.pth', 'best_tiny_score_epoch_1.pth', 'last_checkpoint'}


def test_gradients_that_are_summed_over_iterations_are_not_lost(tmp_path):
    """It ends when they are applied."""
    options = dict(optim_wrapper=dict(accumulative_counts=2))

    def tell(now):
        if now == 'train 4':
            os.kill(os.getpid(), signal.SIGTERM)

    status, printed = forked(lambda: train(config(tmp_path / 'a', **options), tell))
    assert status == 143 and 'after iteration 6 of 8' in printed
    assert forked(lambda: train(config(tmp_path / 'whole', **options)))[0] == 0
    resumed(tmp_path / 'a', tmp_path / 'whole', **options)


def test_an_epoch_of_other_batches_begins_anew(tmp_path):
    def tell(now):
        if now == 'train 5':
            os.kill(os.getpid(), signal.SIGTERM)

    assert forked(lambda: train(config(tmp_path), tell))[0] == 143
    cfg = config(tmp_path, resume=True)
    cfg.train_dataloader.batch_size = 4
    status, printed = forked(lambda: train(cfg))
    assert status == 0 and 'within epoch 2, with other batches' in printed
    assert torch.load(tmp_path / 'epoch_2.pth')['meta']['iter'] == NUM_ITERS + 2 + 2


@pytest.mark.parametrize('last', [False, True])
def test_a_validation_that_was_due_is_made_up(tmp_path, last):
    """Once, also when the training has all its epochs."""

    def tell(now):
        if now == f'val {1 + last}':
            os._exit(DEAD)

    assert forked(lambda: train(config(tmp_path), tell))[0] == DEAD
    for expected in (2 - last, 0):
        status, printed = forked(lambda: train(config(tmp_path, resume=True)))
        assert status == 0 and len(re.findall(r'Epoch\(val\) .*tiny/score', printed)) == expected
    assert content(tmp_path) == WHOLE


def train_ranks(work_dir, store, each=lambda now: None, **options):
    """Two ranks of a training, of which ``each`` speaks to the second: both's exit status and last line."""

    def rank(number):
        os.environ.update(RANK=str(number), WORLD_SIZE='2', LOCAL_RANK=str(number))
        torch.distributed.init_process_group('gloo', f'file://{store}', rank=number, world_size=2)
        wrapper = dict(type='MMDistributedDataParallel', device_ids=None, find_unused_parameters=True)
        cfg = config(work_dir, launcher='pytorch', model_wrapper_cfg=wrapper, **options)
        train(cfg, each if number else lambda now: None)

    ended = [finish(*process) for process in [start(partial(rank, number)) for number in (0, 1)]]
    assert not any('Traceback' in printed for _, printed in ended), ended
    return [status for status, _ in ended], [printed.splitlines()[-1:] for _, printed in ended]


def test_two_ranks_stop_after_the_same_iteration(tmp_path):
    """Though only one of them is told to; the other goes on with the same random numbers as it, too."""

    def tell(now):
        if now == 'train 2':  # of two iterations an epoch
            os.kill(os.getpid(), signal.SIGTERM)

    assert train_ranks(tmp_path / 'whole', tmp_path / 'store1')[0] == [0, 0]
    statuses, (line, _) = train_ranks(tmp_path / 'stopped', tmp_path / 'store2', tell)
    assert statuses == [143, 143] and 'stopped by SIGTERM after iteration 3 of 4' in line[0]
    assert len(torch.load(tmp_path / 'stopped/iter_3.pth')['random_states']) == 2
    assert train_ranks(tmp_path / 'stopped', tmp_path / 'store3', resume=True)[0] == [0, 0]
    assert_same(*(torch.load(tmp_path / name / 'epoch_2.pth') for name in ('whole', 'stopped')))


def test_the_memory_stays_as_it_is(tmp_path):
    """Over 300 iterations, of which the first sixty fill what is kept."""
    resident = []

    def measure(now):
        if now in ('train 60', 'train 299'):
            gc.collect()
            resident.append(int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE'))

    def run():
        cfg = config(tmp_path, val_interval=1000)
        cfg.train_cfg.max_epochs = 75
        cfg.default_hooks.checkpoint.interval = 1000
        train(cfg, measure)
        print('grown by', resident[1] - resident[0])

    status, printed = forked(run)
    assert status == 0, printed
    assert int(printed.splitlines()[-1].removeprefix('grown by')) < 2e6
