"""TriDet's regressor: boundaries as the expectation of a distribution over the steps beside a point.

Formulas: TriDet (Shi et al. 2023, arXiv 2303.07347). Shapes: B videos, L levels of T_l steps, P = Σ T_l points,
C classes, K bins beside the point; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.heads.offset_regressor import ScaledTower
from mmdel.models.layers import ConvTower
from mmdel.registry import MODELS


def expected_distances(
    start_logits: Tensor, end_logits: Tensor, centre_logits: Tensor, lengths: Sequence[int]
) -> Tensor:
    """Distances from each point to the start and the end of its event, in steps of its level.

    The start of an event at step t lies at one of the steps t − K … t, the end at one of t … t + K. How probable each
    is, the boundary's own logit at that step tells together with the point's logit for that distance:

        d_start(t, c) = Σ_b b · softmax_b(start(t − b, c) + centre_0(t, b))
        d_end(t, c)   = Σ_b b · softmax_b(end(t + b, c) + centre_1(t, b)),    b = 0 … K

    Beyond the level the boundary logits are 0.

    Args:
        start_logits: (B, P, C).
        end_logits: (B, P, C).
        centre_logits: (B, P, 2, K + 1), by distance.
        lengths: T_l of the levels, which lie one behind the other.

    Returns:
        (B, P, C, 2) float32, each in [0, K].
    """
    num_points, num_bins = start_logits.shape[1], centre_logits.shape[-1] - 1
    before, after = F.pad(start_logits, (0, 0, num_bins, 0)), F.pad(end_logits, (0, 0, 0, num_bins))
    # (B, P, C, K + 1) each, by distance; slices and not `unfold`, of which no graph can be made for every length.
    before = torch.stack([before.narrow(1, num_bins - b, num_points) for b in range(num_bins + 1)], dim=-1)
    after = torch.stack([after.narrow(1, b, num_points) for b in range(num_bins + 1)], dim=-1)
    times = [torch.arange(length, device=before.device) for length in lengths]
    to_border = torch.stack([torch.cat(times), torch.cat([steps.flip(0) for steps in times])], dim=1)  # (P, 2)
    distances = torch.arange(num_bins + 1, device=before.device)
    inside = (distances <= to_border[..., None]).float()  # the steps of the point's own level
    logits = torch.stack([before, after], dim=3) * inside[:, None] + centre_logits[:, :, None]
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
        start, end = self.start_tower(detached, masks), self.end_tower(detached, masks)
        centre = self.centre_tower(feats, masks).unflatten(-1, (2, -1))
        # Lengths by the masks: those of a neck's levels would be constants of an exported graph.
        return expected_distances(start, end, centre, [mask.shape[1] for mask in masks])
