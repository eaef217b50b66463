"""A model is tested, or trained on, with the weights that it is told to use, and with no others."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import nn

from mmdel.engine.hooks.tapped_loss import NAME
from mmdel.registry import HOOKS
from mmdel.utils.checkpoints import checkpoint_classes, describe_difference, lacking_state
from mmdel.utils.errors import UserInputError
from mmdel.utils.log import warn
from mmdel.utils.runner_state import bare_model, classes_in_use, is_training

NUM_EXAMPLES = 5


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Compares a checkpoint with the model and the data before any of it is used.

    mmengine loads what fits and leaves the rest as it was made, at random. Here a test and a resumed training need all
    weights, in their shapes, and the classes of the checkpoint's data, in their order; a training that only starts from
    a checkpoint (``load_from``) says what does not fit. A checkpoint that names no classes is compared by its weights
    alone, and so are models without a head and heads of one class.

    What mmengine's own hooks cannot read is set right: a bare state dict, and names that start with ``module.``.

    Args:
        partial: A test uses the weights that fit, and a warning says which do not.

    Raises:
        UserInputError: If they do not fit: naming the keys that are missing, not expected, or of other shapes; the
            classes of both and the first that differ; what a resumed training lacks.
    """

    priority = 'VERY_HIGH'  # before EMAHook takes its copy

    def __init__(self, partial: bool = False) -> None:
        self.partial = partial

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compares; loads what fits."""
        _set_right(checkpoint)
        model, training = bare_model(runner.model), is_training(runner)
        path = runner._load_from or 'of the work directory'
        misfits = [f'it does not fit the model of the config: {text}' for text in _misfits(model, checkpoint)]
        faults = [] if misfits else _other_classes(runner, model, checkpoint)
        if runner._resume:
            faults += _lacking_state(runner, checkpoint)
        if not self.partial or training:
            faults, misfits = misfits + faults, []
        if faults and (runner._resume or not training):
            raise UserInputError(f'checkpoint {path}: {faults[0]}')
        for text in (*misfits, *faults):
            warn(f'checkpoint {path}: {text}')


def _set_right(checkpoint: dict) -> None:
    """Puts the weights under ``state_dict``, by the names of a model that is in no wrapper."""
    if 'state_dict' not in checkpoint:
        weights = copy(checkpoint)
        checkpoint.clear()
        checkpoint['state_dict'] = weights
    weights = checkpoint['state_dict']
    for name in [name for name in weights if name.startswith('module.')]:
        weights[name.removeprefix('module.')] = weights.pop(name)


def _misfits(model: nn.Module, checkpoint: dict) -> list[str]:
    """What does not fit between a model and the weights of a checkpoint; loads what fits."""
    parts = [(model, checkpoint['state_dict'])]
    if NAME in checkpoint and hasattr(model, NAME):
        parts.append((getattr(model, NAME).loss, checkpoint[NAME]))
    return [text for module, weights in parts if (text := _misfit(module, weights))]


def _misfit(module: nn.Module, weights: dict[str, Any]) -> str:
    own = module.state_dict()
    error = ''
    try:  # torch's own way, by which modules may know older names of theirs
        missing, unexpected = module.load_state_dict(weights, strict=False)
    except RuntimeError as caught:
        missing, unexpected = ([*a.keys() - b.keys()] for a, b in ((own, weights), (weights, own)))
        error = str(caught)
    missing = [name for name in missing if not name.endswith('num_batches_tracked')]  # as mmengine does
    shapes = [
        f'{name} {tuple(weights[name].shape)}, not {tuple(value.shape)}'
        for name, value in own.items()
        if isinstance(weights.get(name), torch.Tensor) and weights[name].shape != value.shape
    ]
    kinds = [('of other shapes', shapes), ('missing', missing), ('not of the model', unexpected)]
    return '; '.join(f'{len(names)} {kind}: {_some(names)}' for kind, names in kinds if names) or error


def _other_classes(runner: Runner, model: nn.Module, checkpoint: dict) -> list[str]:
    """How the classes of the checkpoint differ from those of the data in use, where outputs mean classes."""
    theirs, own = checkpoint_classes(checkpoint), classes_in_use(runner)
    head = getattr(model, 'head', getattr(model, 'cls_head', None))
    if not theirs or not own or theirs == own or getattr(head, 'num_classes', 1) == 1:
        return []
    return [describe_difference(theirs, own)]


def _lacking_state(runner: Runner, checkpoint: dict) -> list[str]:
    """Why a training cannot go on from a checkpoint."""
    lacking = lacking_state(checkpoint)
    own = dict(param_schedulers=runner.param_schedulers, score_contrastive=hasattr(bare_model(runner.model), NAME))
    own['ema_state_dict'] = any(isinstance(hook, EMAHook) for hook in runner.hooks)
    lacking += [key for key, needed in own.items() if needed and key not in checkpoint]
    if lacking:
        return [f'it lacks {", ".join(lacking)}, and is no state of a training to resume; start from it by load_from']
    if not isinstance(runner.optim_wrapper, OptimWrapper):
        return []
    groups = checkpoint['optimizer'].get('param_groups', ()), runner.optim_wrapper.optimizer.param_groups
    theirs, own_sizes = ([len(group['params']) for group in side] for side in groups)
    if theirs == own_sizes:
        return []
    return [
        f'its optimizer has {sum(theirs)} parameters in {len(theirs)} groups, that of the config {sum(own_sizes)} in '
        f'{len(own_sizes)}: resume with the same settings of optimizer and losses, or start from it by load_from'
    ]


def _some(names: Sequence[str]) -> str:
    return ', '.join(sorted(names)[:NUM_EXAMPLES]) + (', …' if len(names) > NUM_EXAMPLES else '')
