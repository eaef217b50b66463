import torch
from mmengine.dist import get_rank
from ranks import run_ranks
from torch import distributed

from mmdel.models.losses.score_contrastive import gather_batches


def loss_of(batch):
    return (batch @ batch.T).sin().sum()


def test_unequal_batches_of_two_ranks_are_as_one_batch_and_so_is_their_gradient():
    def rank():
        rows = torch.arange(12.0).view(4, 3) / 10
        weight, alone = (torch.eye(3).add(0.1).requires_grad_() for _ in range(2))
        gathered = gather_batches((rows[:3] if get_rank() == 0 else rows[3:]) @ weight)
        torch.testing.assert_close(gathered, rows @ weight)
        loss_of(gathered).backward()
        loss_of(rows @ alone).backward()
        distributed.all_reduce(weight.grad)
        torch.testing.assert_close(weight.grad / 2, alone.grad)
        return get_rank()

    assert run_ranks(rank, 2) == [0, 1]
