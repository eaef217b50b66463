"""Data workers draw anew in each epoch, and alike in each training; signals do not end them."""

from __future__ import annotations

import os
import random
import signal

import numpy as np
import torch
from mmengine.runner import Runner
from torch.utils.data import Dataset


class Draws(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        for signum in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), signum)
        return random.random(), np.random.rand(), torch.rand(()).item()


def test_each_epoch_draws_anew_and_each_run_alike():
    def run():
        torch.manual_seed(5)
        loader = Runner.build_dataloader(
            dict(
                dataset=Draws(),
                batch_size=1,
                num_workers=2,
                sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
                worker_init_fn=dict(type='mmdel.begin_worker'),
                collate_fn=dict(type='pseudo_collate'),
            ),
            seed=3,
        )
        return [[value[0] for value in batch] for _ in range(2) for batch in loader]

    drawn = run()
    assert run() == drawn
    for kind in zip(*drawn, strict=True):
        assert len(set(kind)) == 12
