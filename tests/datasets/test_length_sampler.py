"""Every video comes once an epoch, in batches of like length, whatever the number of processes."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.dataset import sampler as samplers
from mmengine.hooks import DistSamplerSeedHook
from mmengine.runner import Runner

from mmdel.datasets import EventDataset, LengthBatchSampler
from mmdel.utils.errors import UserInputError


class Lengths:
    """A data set of videos of these lengths."""

    def __init__(self, lengths):
        self.lengths = lengths

    def __len__(self):
        return len(self.lengths)

    def get_data_info(self, index):
        return dict(expected_steps=self.lengths[index])

    def __getitem__(self, index):
        return index


def epoch_of(dataset, batch_size, epoch=0, rank=0, world_size=1, seed=3, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samplers, 'get_dist_info', lambda: (rank, world_size))
        sampler = DefaultSampler(dataset, seed=seed)
    sampler.set_epoch(epoch)
    batches = LengthBatchSampler(sampler, batch_size, **options)
    found = list(batches)
    assert len(found) == len(batches)
    return found


def padded_steps(batches, lengths):
    return sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=60),
    batch_size=st.integers(1, 5),
    pool_size=st.integers(1, 4),
    world_size=st.integers(1, 3),
    epoch=st.integers(0, 2),
)
def test_an_epoch_is_every_video_once_and_as_many_batches_for_each_process(
    lengths, batch_size, pool_size, world_size, epoch
):
    dataset = Lengths(lengths)
    ranks = [epoch_of(dataset, batch_size, epoch, rank, world_size, pool_size=pool_size) for rank in range(world_size)]
    assert len({tuple(map(len, batches)) for batches in ranks}) == 1  # of like size at every step
    counts = Counter(index for batches in ranks for batch in batches for index in batch)
    assert counts.keys() == set(range(len(lengths)))
    assert counts.total() == -(-len(lengths) // world_size) * world_size
    sizes = [len(batch) for batch in ranks[0]]
    assert max(sizes) <= batch_size and sum(size < batch_size for size in sizes) <= 1
    assert ranks[0] == epoch_of(dataset, batch_size, epoch, 0, world_size, pool_size=pool_size)


def test_batches_of_all_processes_at_a_step_are_of_like_length_and_meet_others_in_the_next_epoch():
    lengths = [1 + 7 * index % 64 for index in range(64)]  # each length once
    dataset = Lengths(lengths)
    first, second = (epoch_of(dataset, 2, rank=rank, world_size=2, pool_size=16) for rank in range(2))
    for mine, other in zip(first, second, strict=True):  # all are one pool, so that a step has four neighbours
        joined = sorted(lengths[index] for index in mine + other)
        assert joined == list(range(joined[0], joined[0] + 4))
    assert [max(lengths[index] for index in batch) for batch in first] != sorted(lengths)[::-4]
    epochs = [{frozenset(batch) for batch in epoch_of(dataset, 2, epoch, pool_size=4)} for epoch in range(2)]
    assert len(epochs[0] & epochs[1]) < 16
    assert padded_steps(epoch_of(dataset, 4, pool_size=4), lengths) < padded_steps(
        epoch_of(dataset, 4, pool_size=1), lengths
    )


def test_equal_lengths_come_in_any_order():
    batches = epoch_of(Lengths([7] * 40), 4)
    assert any(max(batch) - min(batch) > 20 for batch in batches)
    assert batches != epoch_of(Lengths([7] * 40), 4, epoch=1) != epoch_of(Lengths([7] * 40), 4, epoch=1, seed=4)


def test_a_loader_takes_its_order_from_the_epoch():
    cfg = dict(
        dataset=Lengths([5, 3, 9, 3, 1]),
        batch_size=2,
        sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
        batch_sampler=dict(type='mmdel.LengthBatchSampler'),
        collate_fn=dict(type='pseudo_collate'),
    )
    loader = Runner.build_dataloader(cfg, seed=3)
    DistSamplerSeedHook().before_train_epoch(SimpleNamespace(train_loop=SimpleNamespace(dataloader=loader), epoch=1))
    assert list(loader) == epoch_of(cfg['dataset'], 2, epoch=1) and len(loader) == 3


def test_what_it_cannot_work_with_is_refused():
    for sampler in (InfiniteSampler([0], seed=0), DefaultSampler([0], shuffle=False, seed=0)):
        with pytest.raises(ValueError, match='DefaultSampler with shuffle=True'):
            LengthBatchSampler(sampler, 2)
    for wrong in (dict(batch_size=0), dict(batch_size=1, pool_size=0)):
        with pytest.raises(ValueError, match='at least 1'):
            LengthBatchSampler(DefaultSampler([0], seed=0), **wrong)
    with pytest.raises(UserInputError, match='a list are not'):
        list(LengthBatchSampler(DefaultSampler([0], seed=0), 1))


@pytest.mark.parametrize(
    ('config', 'annotations', 'without', 'with_it'),
    [
        ('del_thumos14.py', 'annotations/thumos14.json', 0.32, 0.06),
        ('del_grid.py', 'grid_streams/annotations.json', 0.018, 0.004),
    ],
)
def test_what_padding_it_spares_is_as_documented(shared_data, config, annotations, without, with_it):
    """docs/training.md tells these numbers."""
    cfg = Config.fromfile(Path(__file__).parents[2] / 'configs' / config).train_dataloader
    options = {**cfg.dataset, 'ann_file': str(shared_data / annotations), 'missing': 'ignore'}
    options.pop('type')
    dataset = EventDataset(**options)
    lengths = [dataset.get_data_info(index)['expected_steps'] for index in range(len(dataset))]
    for size, expected in ((1, without), (8, with_it)):
        epochs = [epoch_of(dataset, cfg.batch_size, epoch, pool_size=size) for epoch in range(20)]
        padding = sum(padded_steps(epoch, lengths) for epoch in epochs) / (20 * sum(lengths)) - 1
        assert padding == pytest.approx(expected, rel=0.1)
