"""Several ranks of a distributed run, forked from this process, which spares the imports; on the CPU, by gloo.

Not beside tests on a GPU: where autograd has used one, the fork of a process cannot go backward.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import DEVICE
from killed_training import finish, start


def run_ranks(function: Callable[[], Any], num_ranks: int, joined: bool = True) -> list[Any]:
    """What a function returns on each of so many ranks. One rank is a process like the others, without distribution.

    Args:
        function: Finds the environment that a launcher would have made.
        num_ranks: How many.
        joined: Whether they have joined to a process group already.
    """
    if DEVICE != 'cpu':
        pytest.skip('a process that uses a GPU cannot be forked')
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
        probe.close()

        def run(rank: int) -> None:
            torch.set_num_threads(1)  # threads of OpenMP do not survive a fork
            os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(num_ranks))
            os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
            if joined and num_ranks > 1:
                torch.distributed.init_process_group('gloo', f'file://{folder}/store', rank=rank, world_size=num_ranks)
            torch.save(function(), f'{folder}/{rank}')

        ended = [finish(*process) for process in [start(partial(run, rank)) for rank in range(num_ranks)]]
        assert all(status == 0 for status, _ in ended), '\n'.join(printed[-3000:] for _, printed in ended)
        return [torch.load(Path(folder, str(rank)), weights_only=False) for rank in range(num_ranks)]
