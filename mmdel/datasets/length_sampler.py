"""Batches of videos of like length."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import Sampler

from mmdel.registry import DATA_SAMPLERS
from mmdel.utils.errors import UserInputError


@DATA_SAMPLERS.register_module()
class LengthBatchSampler(Sampler):
    """Puts videos of like length into a batch, so that few steps are padding.

    The shuffled videos are taken in pools of a few batches. A pool is sorted by length, longest first, and cut into
    batches; then all batches are shuffled. So a video meets others in each epoch. Every video comes once an epoch, as
    with the sampler alone: with several processes, a few come twice, so that each has as many. The videos of all
    processes at one step are of like length, too, since the slowest makes the others wait.

    The order follows from the seed and the epoch. Where all lengths are equal, it is a random one like any other.

    Args:
        sampler: mmengine's ``DefaultSampler``, of which the seed, the epoch and the processes are taken. The data set's
            records tell lengths as ``expected_steps``, see :class:`~mmdel.datasets.EventDataset`.
        batch_size: Videos of a batch, in each process.
        pool_size: Batches of a pool. With more there is less padding, and the same videos meet more often.

    Raises:
        ValueError: If the sampler is another one, or does not shuffle, or a size is less than 1.
    """

    def __init__(self, sampler: Sampler, batch_size: int, pool_size: int = 8) -> None:
        if not isinstance(sampler, DefaultSampler) or not sampler.shuffle:
            raise ValueError(f'sampler must be a DefaultSampler with shuffle=True, got a {type(sampler).__name__}')
        if batch_size < 1 or pool_size < 1:
            raise ValueError(f'batch_size and pool_size must be at least 1, got {batch_size} and {pool_size}')
        self.sampler = sampler
        self.batch_size = batch_size
        self.pool_size = pool_size

    @cached_property
    def _lengths(self) -> torch.Tensor:
        """Of every video, in steps."""
        dataset = self.sampler.dataset
        try:
            records = (dataset.get_data_info(index) for index in range(len(dataset)))
            return torch.tensor([record['expected_steps'] for record in records])
        except (AttributeError, KeyError) as error:
            raise UserInputError(
                f'mmdel.LengthBatchSampler needs records with expected_steps, which those of '
                f'a {type(dataset).__name__} are not: it is for an mmdel.EventDataset'
            ) from error

    def __iter__(self) -> Iterator[list[int]]:
        sampler, generator = self.sampler, torch.Generator()
        generator.manual_seed(sampler.seed + sampler.epoch)
        order = torch.randperm(len(self._lengths), generator=generator)
        num_each = -(-len(order) // sampler.world_size)  # videos of a process
        order = order.repeat(-(-num_each * sampler.world_size // len(order)))[: num_each * sampler.world_size]
        joined = self.batch_size * sampler.world_size  # videos of a step, in all processes
        steps = []
        for pool in order.split(self.pool_size * joined):
            steps += pool[self._lengths[pool].argsort(descending=True, stable=True)].split(joined)
        for place in torch.randperm(len(steps), generator=generator).tolist():
            yield steps[place][sampler.rank :: sampler.world_size].tolist()

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.batch_size)
