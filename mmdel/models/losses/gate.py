"""Teaching the gate of event-aligned attention which steps belong to one event.

Shapes: B videos, S streams (1 or 2), T steps, E channels of the event embedding, N events; ``mask`` is bool, True =
valid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdel.models.layers.time_blocks import TimeBlocks, near_steps


def gate_loss(
    embedding: Tensor, bias: Tensor, mask: Tensor, inside: Tensor, window: int | None, window_cross: int
) -> Tensor:
    """Mean binary cross-entropy of the gate G, which is to be 1 for two steps of one event, and 0 for others.

    G is that of :class:`~mmdel.models.layers.EventAlignedAttention`. Pairs count that its attention sees and whose two
    steps are valid; those of one stream, and those across, have a mean each, and these are added. Computed in float32.

    Args:
        embedding: (B, S, T, E), of the steps.
        bias: (2,), for pairs of one stream and for pairs across.
        mask: (B, T).
        inside: (B, T, N) bool, the steps of each event.
        window: Odd number of steps of its own stream that a step sees; None = all.
        window_cross: How far away from it a step of the other stream may be.

    Time and memory: O(T · (window + window_cross) · (S·E + N)), O(T² · …) without a window.
    """
    num_streams = embedding.shape[1]
    scaled = embedding.float() * embedding.shape[-1] ** -0.25
    blocks, inside = TimeBlocks.cut(mask.shape[1], window), inside.float()
    seen = blocks.visible(mask) & blocks.queries(mask)[..., None]
    same = blocks.queries(inside) @ blocks.keys(inside).transpose(1, 2) > 0  # (M, size, K)
    own = [blocks.queries(e) @ blocks.keys(e).transpose(1, 2) for e in scaled.unbind(1)]
    loss = torch.stack([_mean(dots + bias[0].float(), same, seen) for dots in own]).mean()
    if num_streams == 1:
        return loss
    first, second = scaled.unbind(1)
    near, valid = (
        near_steps(x, mask.shape[1], window_cross) for x in (second, mask[..., None])
    )  # (B, T, 2 · window_cross + 1, …)
    same = (inside[:, :, None] * near_steps(inside, mask.shape[1], window_cross)).sum(-1) > 0
    return loss + _mean((first[:, :, None] * near).sum(-1) + bias[1].float(), same, valid[..., 0] & mask[..., None])


def _mean(logits: Tensor, same: Tensor, seen: Tensor) -> Tensor:
    """The mean of the cross-entropies where a pair is seen; 0 if none is."""
    losses = F.binary_cross_entropy_with_logits(logits, same.float(), reduction='none')
    return (losses * seen).sum() / seen.sum().clamp(min=1)
