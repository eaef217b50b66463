import subprocess
import sys

RANK = """
import sys
import torch
from torch import distributed
from mmdel.models.losses.score_contrastive import gather_batches
rank = int(sys.argv[1])
distributed.init_process_group('gloo', 'file://' + sys.argv[2], rank=rank, world_size=2)

def loss_of(batch):
    return (batch @ batch.T).sin().sum()

rows = torch.arange(12.0).view(4, 3) / 10
weight, alone = (torch.eye(3).add(0.1).requires_grad_() for _ in range(2))
gathered = gather_batches((rows[:3] if rank == 0 else rows[3:]) @ weight)
torch.testing.assert_close(gathered, rows @ weight)
loss_of(gathered).backward()
loss_of(rows @ alone).backward()
distributed.all_reduce(weight.grad)
torch.testing.assert_close(weight.grad / 2, alone.grad)
"""


def test_unequal_batches_of_two_ranks_are_as_one_batch_and_so_is_their_gradient(tmp_path):
    command = [sys.executable, '-c', RANK]
    ranks = [
        subprocess.Popen([*command, str(rank), str(tmp_path / 'store')], stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    for rank in ranks:
        assert (rank.communicate(timeout=120)[1], rank.returncode) == ('', 0)
