"""Event-aligned attention whose gate is taught by the events, by one line of config."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmdel.engine.hooks.tapped_loss import Call, listen
from mmdel.engine.hooks.token_labels import known_steps, steps_of_segments
from mmdel.models.layers import EventAlignedBlock
from mmdel.models.losses import gate_loss
from mmdel.registry import HOOKS
from mmdel.structures import StreamBatch
from mmdel.utils.runner_state import bare_model


@HOOKS.register_module()
class GateSupervisionHook(Hook):
    """Adds a loss to the training of any model with event-aligned attention, by which its gate learns the events::

        default_hooks = dict(gate=dict(type='mmdel.GateSupervisionHook', weight=0.1))

    The gate G of two steps is to be 1 if an event, of whatever class, holds both, else 0: see
    :func:`~mmdel.models.losses.gate_loss`. ``loss_gate`` is the mean over the blocks. Steps inside an ignored event and
    no true one are as if they were padding. The model has no parameter more, and is the same in a test.

    Args:
        weight: Of the loss; 0 does nothing.

    Raises:
        ValueError: When training starts, if the model has no :class:`~mmdel.models.layers.EventAlignedBlock` whose mask
            is learned, or ``weight`` is negative.
    """

    def __init__(self, weight: float = 0.1) -> None:
        if not weight >= 0:
            raise ValueError(f'weight of GateSupervisionHook must be at least 0, got {weight!r}')
        self.weight = weight
        self._handles: list[RemovableHandle] = []

    def check_model(self, model: nn.Module) -> None:
        """Stops at a model without a learned mask.

        Raises:
            ValueError: If it is one.
        """
        if self.weight and not _gated_blocks(model):
            raise ValueError("GateSupervisionHook teaches the gates of event-aligned attention with mask='learned'")

    def before_train(self, runner: Runner) -> None:
        """Starts to listen. Not earlier, so that copies of the model made before do not."""
        if not self.weight:
            return
        model = bare_model(runner.model)
        self.check_model(model)
        blocks = _gated_blocks(model)
        self._handles = listen(model, dict(enumerate(blocks)), partial(self._terms, blocks))

    def after_train(self, runner: Runner) -> None:
        """Stops listening."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _terms(
        self, blocks: list[EventAlignedBlock], calls: dict[int, Call], inputs: StreamBatch, samples: Sequence
    ) -> dict[str, Tensor]:
        inside = steps_of_segments([sample.gt_instances.segments for sample in samples], inputs.mask)
        known = known_steps(samples, inputs.mask, inside.any(2))
        terms = []
        for index, block in enumerate(blocks):
            attention = block.attention
            embedding = attention.event_embed(block.norm_attention(calls[index].args[0][:, :, 1:]))
            bounds = attention.window_intra, attention.window_cross
            terms.append(gate_loss(embedding, attention.gate_bias, known, inside, *bounds))
        return dict(loss_gate=self.weight * torch.stack(terms).mean())


def _gated_blocks(model: nn.Module) -> list[EventAlignedBlock]:
    blocks = [part for part in model.modules() if isinstance(part, EventAlignedBlock)]
    return [block for block in blocks if block.attention.mask_kind == 'learned']
