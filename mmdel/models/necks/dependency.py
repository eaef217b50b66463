"""The dependency block of UnAV's detector: which events come together, and how each goes on in time.

Formulas: UnAV (Geng et al. 2023, arXiv 2303.12930). Shapes: B videos, D channels of a level, those of all streams
together, C classes, H channels of a class, L levels of T_l = ceil(T / 2^l) steps; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mmdel.models.layers import ConvTransformerBlock, MaskedConv1d
from mmdel.models.necks.concat import concat_streams
from mmdel.registry import MODELS


@MODELS.register_module()
class DependencyNeck(BaseModule):
    """Gives every class channels of its own, in which classes see each other and steps see each other.

    ::

                                  ┌─ temporal: the T_l steps of each class ────────┐
        x (D) ─ 3-conv ─ ReLU ─ (C, H)                                             + ─ 3-conv ─ (D)
                                  └─ co-occurrence: the C classes of each step ────┘

    Both branches are blocks of convolutional attention with their residuals
    (:class:`~mmdel.models.layers.ConvTransformerBlock`), shared over classes, steps and levels. As in the published
    code, the convolutions of the co-occurrence branch, too, reach over three neighbours, here classes in the order of
    their labels. Unlike there, where a batch's masks are repeated in another order than its features, the steps of a
    class are masked as those of its own video.

    Cost: two convolutions of 3·D·C·H weights each; attention over B·C·T_l² and B·T_l·C² pairs; and for the backward
    pass about 40 activations of B·C·H·ΣT_l numbers, 13.6 GiB at UnAV-100's settings (B 16, T 224). ``with_cp`` keeps 2
    of them, 0.7 GiB, and, while it computes one branch of one level again, 20 of that level. With a window everything
    is linear in T. All classes and all steps go through each branch at once.

    Args:
        in_channels: Channels of each stream by its name, in the order of concatenation; D is their sum.
        num_classes: Classes C.
        feat_channels: Channels H of a class.
        num_heads: Heads of both branches.
        attn_window: Odd number of steps that the temporal branch sees, None = all.
        mlp_ratio: Hidden channels of the MLPs in units of H.
        drop_path: Probability of skipping a residual branch for a class, or for a step, of a video while training.
        dropout: Dropout after the attention and inside the MLPs.
        with_cp: Whether the branches are computed again in the backward pass instead of keeping what it needs.
        init_cfg: As in mmengine.

    Attributes:
        out_channels: Channels D of every level, as many as of all streams together.

    Raises:
        ValueError: If ``num_heads`` does not divide ``feat_channels``, or the window is not odd.
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        num_classes: int,
        feat_channels: int = 128,
        num_heads: int = 1,
        attn_window: int | None = None,
        mlp_ratio: float = 1.0,
        drop_path: float = 0.1,
        dropout: float = 0.0,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.streams = tuple(in_channels)
        self.out_channels = sum(in_channels.values())
        self.num_classes = num_classes
        self.with_cp = with_cp

        branch = partial(
            ConvTransformerBlock,
            feat_channels,
            num_heads,
            cross=True,  # for the queries' own norm
            mlp_ratio=mlp_ratio,
            drop_path=drop_path,
            dropout=dropout,
        )
        self.expand = MaskedConv1d(self.out_channels, num_classes * feat_channels, 3, bias=False)
        self.temporal = branch(window=attn_window)
        self.cooccurrence = branch()
        self.squeeze = MaskedConv1d(num_classes * feat_channels, self.out_channels, 3, bias=False)

    def widen(self, reaches: Sequence[int]) -> tuple[int, ...] | None:
        """How far the outputs see if the inputs see so far, for each level in steps of the finest; None = all."""
        reach = self.temporal.reach
        if reach is None:
            return None
        return tuple(own + (2 + reach) * 2**level for level, own in enumerate(reaches))  # 2: expand and squeeze

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D_s, T_l), masks (B, T_l) → L levels (B, D, T_l) and the masks."""
        levels = zip(concat_streams(feats, self.streams), masks, strict=True)
        return tuple(self._level(level, mask) for level, mask in levels), masks

    def _level(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, D, T_l), (B, T_l) → (B, D, T_l)."""
        x = F.relu(self.expand(x, mask)).unflatten(1, (self.num_classes, -1))
        x = self._run(self._over_steps, x, mask) + self._run(self._over_classes, x, mask)
        return self.squeeze(x.flatten(1, 2), mask)

    def _run(self, branch: Callable[[Tensor, Tensor], Tensor], x: Tensor, mask: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return checkpoint(branch, x, mask, use_reentrant=False)
        return branch(x, mask)

    def _over_steps(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, H, T_l) → the same, each class of a video a sequence of its steps."""
        y, _ = self.temporal(x.flatten(0, 1), mask.repeat_interleave(self.num_classes, dim=0))
        return y.unflatten(0, (-1, self.num_classes))

    def _over_classes(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, H, T_l) → the same, each step of a video a sequence of its classes."""
        steps = x.permute(0, 3, 2, 1)  # (B, T_l, H, C)
        y, _ = self.cooccurrence(steps.flatten(0, 1), mask.flatten()[:, None].expand(-1, self.num_classes))
        return y.unflatten(0, (-1, mask.shape[1])).permute(0, 3, 2, 1)
