"""Proof without a GPU that a model stays on the device of its inputs and never waits for it.

The meta device has shapes and no values: whoever reads a value there, which would wait for a GPU, fails.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map


class MetaOnly(TorchDispatchMode):
    """Refuses every operation that reads or makes a tensor elsewhere; single numbers excepted, as on a GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for item in tree_leaves((args, kwargs, out)):
            if isinstance(item, torch.Tensor) and item.dim() and not item.is_meta:
                raise RuntimeError(f'{func} has a tensor {tuple(item.shape)} on {item.device} beside the inputs')
        return out


def to_meta(data: Any) -> Any:
    """Tensors, modules and data samples at any depth → the same on the meta device."""
    return tree_map(lambda item: item.to('meta') if hasattr(item, 'to') else item, data)


def run_on_meta(module: torch.nn.Module, *inputs: Any, **options: Any) -> Any:
    """The output of ``module``, which stays on the meta device, for ``inputs`` and ``options`` brought there.

    Raises:
        RuntimeError: If a tensor is made or read elsewhere, or a value is read.
    """
    module, inputs, options = to_meta(module), to_meta(inputs), to_meta(options)
    with MetaOnly():
        return module(*inputs, **options)
