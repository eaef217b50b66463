import pytest
import torch
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmdel.datasets.transforms.random_draws import RandomDraws


@pytest.mark.parametrize('persistent', [False, True])
def test_workers_draw_every_epoch_anew_and_every_run_alike(persistent):
    class Draws(Dataset, RandomDraws):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return int(self._random.randint(1000))

    def run():
        torch.manual_seed(5)
        loader = Runner.build_dataloader(
            {
                'dataset': Draws(),
                'batch_size': 1,
                'num_workers': 2,
                'persistent_workers': persistent,
                'sampler': {'type': 'mmengine.DefaultSampler', 'shuffle': False},
            },
            seed=3,
        )
        return [[drawn for batch in loader for drawn in batch] for _ in range(2)]

    epochs = run()
    assert run() == epochs
    assert len({drawn for epoch in epochs for drawn in epoch}) > 9
