"""TriDet's regressor: boundaries as the expectation of a distribution over the steps beside a point.

Formulas: TriDet (Shi et al. 2023, arXiv 2303.07347). Shapes: B videos, L levels of T_l steps, P = Σ T_l points,
C classes, K bins beside the point; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.heads.offset_regressor import ScaledTower
from mmdel.models.layers import ConvTower
from mmdel.registry import MODELS


def expected_distances(start_logits: Tensor, end_logits: Tensor, centre_logits: Tensor) -> Tensor:
    """Distances from each step of one level to the start and the end of its event, in steps of the level.

    The start of an event at step t lies at one of the steps t − K … t, the end at one of t … t + K. How probable each
    is, the boundary's own logit at that step tells together with the point's logit for that distance:

        d_start(t, c) = Σ_b b · softmax_b(start(t − b, c) + centre_0(t, b))
        d_end(t, c)   = Σ_b b · softmax_b(end(t + b, c) + centre_1(t, b)),    b = 0 … K

    Beyond the level the boundary logits are 0.

    Args:
        start_logits: (B, T_l, C).
        end_logits: (B, T_l, C).
        centre_logits: (B, T_l, 2, K + 1), by distance.

    Returns:
        (B, T_l, C, 2) float32, each in [0, K].
    """
    num_bins = centre_logits.shape[-1] - 1
    num_steps = start_logits.shape[1]
    before, after = F.pad(start_logits, (0, 0, num_bins, 0)), F.pad(end_logits, (0, 0, 0, num_bins))
    # (B, T_l, C, K + 1) each, by distance; slices and not `unfold`, of which no graph can be made for every length.
    before = torch.stack([before.narrow(1, num_bins - b, num_steps) for b in range(num_bins + 1)], dim=-1)
    after = torch.stack([after.narrow(1, b, num_steps) for b in range(num_bins + 1)], dim=-1)
    logits = torch.stack([before, after], dim=3).float() + centre_logits[:, :, None]  # (B, T_l, C, 2, K + 1)
    distances = torch.arange(num_bins + 1, device=logits.device, dtype=torch.float32)
    return (logits.softmax(-1) * distances).sum(-1)  # autocast would round the distances of a matrix product


@MODELS.register_module()
class TridentRegressor(nn.Module):
    """Offsets from a start, an end and a centre branch; each class has its own.

    The start and the end branch give every class a logit at every step, the centre branch gives every point a logit for
    each distance, see :func:`expected_distances`. The boundary branches do not train the features they read.

    Args:
        in_channels: Channels of the levels.
        feat_channels: Channels of the towers.
        num_classes: Classes C.
        num_levels: Levels L.
        num_bins: The farthest boundary K, in strides of the level.
        prior_prob: Sigmoid of every boundary logit before training.
    """

    def __init__(
        self,
        in_channels: int,
        feat_channels: int,
        num_classes: int,
        num_levels: int,
        num_bins: int = 16,
        prior_prob: float = 0.01,
    ) -> None:
        super().__init__()
        self.num_regressions = num_classes
        self.num_bins = num_bins
        prior_logit = -math.log((1 - prior_prob) / prior_prob)
        self.start_tower = ConvTower(in_channels, feat_channels, num_classes, prior_logit)
        self.end_tower = ConvTower(in_channels, feat_channels, num_classes, prior_logit)
        self.centre_tower = ScaledTower(in_channels, feat_channels, 2 * (num_bins + 1), 0.0, num_levels)

    @property
    def reach(self) -> int:
        """How many steps of its level to either side a point is computed from: those of the farthest boundary."""
        return self.start_tower.reach + self.num_bins

    def forward(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> Tensor:
        """L levels (B, C_in, T_l) and masks (B, T_l) → offsets (B, P, C, 2) in [0, K], in strides."""
        detached = tuple(feat.detach() for feat in feats)
        branches = (
            self.start_tower(detached, masks),
            self.end_tower(detached, masks),
            self.centre_tower(feats, masks).unflatten(-1, (2, -1)),
        )
        # Lengths by the masks: those of a neck's levels would be constants of an exported graph.
        lengths = [mask.shape[1] for mask in masks]
        levels = zip(*(branch.split(lengths, dim=1) for branch in branches), strict=True)
        return torch.cat([expected_distances(*level) for level in levels], dim=1)
