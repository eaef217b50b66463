"""Random numbers that an interrupted and resumed training draws like an uninterrupted one."""

from __future__ import annotations

from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from mmdel.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python, numpy and torch anew at the beginning of every training epoch, from the run's seed.

    A checkpoint does not hold the state of the random generators, so that dropout and random crops of a resumed
    training would differ. Seeds differ between epochs and between ranks. Data loading workers get theirs from torch's
    generator when they start; persistent ones start once and are out of reach.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seeds the epoch to come."""
        # With diff_rank_seed, runner.seed has the rank in it already: ranks take up to 2 * (world size - 1) of an
        # epoch's seeds.
        epoch_seed = runner.seed + runner.epoch * (2 * get_world_size() - 1)
        set_random_seed((epoch_seed + get_rank()) % 2**32)
