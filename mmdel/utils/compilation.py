"""Compiling what a detector spends its time on, by torch.compile."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from types import MethodType

import torch
from torch import nn

from mmdel.utils.errors import UserInputError
from mmdel.utils.runner_state import bare_model

BLOCKS = ('ConvEmbedding', 'ConvTransformerBlock', 'EventAlignment', 'SGPBlock', 'TransformerBlock')


def compile_model(model: nn.Module, backend: str | Callable = 'inductor') -> None:
    """Compiles the blocks of a detector's backbone, its neck and the forward pass of its head, in place.

    Each is a graph, without a break, of dynamic numbers of videos and steps, made at the first call. It is made again
    where a number is 1 that was not, and where two that were equal are not. All blocks of a class share theirs. The
    backbone is no graph as a whole, since a compiler takes minutes to reason about levels each half as long as the one
    before, and since hooks on its parts, as the contrastive loss has them, then see what they saw. Losses, decoding and
    suppression stay as they are, and so do the parameters and their names. A copy of the model is compiled, too.

    Args:
        model: An :class:`~mmdel.models.detectors.EventDetector`, on its device; a distributed one, too.
        backend: Of ``torch.compile``.

    Raises:
        UserInputError: If the model is of another kind, or there is no compiler for its device.
    """
    model = bare_model(model)
    if type(model).__name__ != 'EventDetector':
        raise UserInputError(f'--compile works for an EventDetector, and the model is a {type(model).__name__}')
    if backend == 'inductor':
        require_compiler(next(model.parameters()).device)
    backbone = model.get_submodule('backbone')
    parts = [part for part in backbone.modules() if type(part).__name__ in BLOCKS]
    compiled = {}
    for part in (*parts, model.get_submodule('neck'), model.get_submodule('head')):
        if (kind := type(part)) not in compiled:
            compiled[kind] = torch.compile(kind.forward, dynamic=True, fullgraph=True, backend=backend)
        # A method and no closure, so that a copy of the model runs its own parameters.
        part.forward = MethodType(compiled[kind], part)


def require_compiler(device: torch.device) -> None:
    """Stops where torch.compile would find nothing to build its kernels with.

    Raises:
        UserInputError: Naming what is missing.
    """
    compiler = os.environ.get('CXX') or 'g++'
    if shutil.which(compiler) is None:
        raise UserInputError(f'--compile needs a C++ compiler, and there is no {compiler}: install one, or set CXX')
    if device.type == 'cuda' and importlib.util.find_spec('triton') is None:
        raise UserInputError('--compile needs the package triton on a GPU: pip install triton')
