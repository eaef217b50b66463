"""What class a point has: a logit for each, of outputs of their own or of what their names mean.

Shapes: B videos, L levels of T_l steps, P = Σ T_l points, C classes, E numbers of an embedding; ``mask`` is bool,
True = valid.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.layers import ConvTower
from mmdel.registry import MODELS

START_SCALE, MAX_SCALE = 1 / 0.07, 100.0


@MODELS.register_module()
class TowerClassifier(ConvTower):
    """A tower with an output for each class.

    Args:
        in_channels: Channels of the levels.
        feat_channels: Channels of the tower.
        num_classes: Classes C.
        prior_prob: Score of every class before training.
    """

    def __init__(self, in_channels: int, feat_channels: int, num_classes: int, prior_prob: float = 0.01) -> None:
        super().__init__(in_channels, feat_channels, num_classes, _logit(prior_prob))


@MODELS.register_module()
class TextClassifier(ConvTower):
    """A tower whose outputs x (E,) of a point are compared with embeddings e_c of the classes' names.

        logit_c = s · cos(x, e_c) + b

    The scale s and the bias b are learned and the same for all classes, s as in CLIP (Radford et al. 2021, arXiv
    2103.00020): from 1 / 0.07 on, at most 100. So no parameter belongs to a class, and other classes can take the place
    of those of the training.

    The embeddings (C, E), of unit length, are a buffer: they do not learn, and are kept with the weights. They are NaN
    until ``ClassCheckHook`` has read them from its file ``embeddings``, so that nothing is trained without them.

    Args:
        in_channels: Channels of the levels.
        feat_channels: Channels of the tower.
        num_classes: Classes C.
        embed_dims: Numbers E of an embedding.
        prior_prob: Score of a class before training whose name is as far from a point as random vectors are: at right
            angles.
    """

    embeddings: Tensor

    def __init__(
        self, in_channels: int, feat_channels: int, num_classes: int, embed_dims: int, prior_prob: float = 0.01
    ) -> None:
        super().__init__(in_channels, feat_channels, embed_dims, 0.0)
        self.log_scale = nn.Parameter(torch.tensor([math.log(START_SCALE)]))
        self.bias = nn.Parameter(torch.tensor([_logit(prior_prob)]))
        self.register_buffer('embeddings', torch.full((num_classes, embed_dims), math.nan))

    def forward(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> Tensor:
        """L levels (B, C_in, T_l) and masks (B, T_l) → logits (B, P, C), zeros at invalid points."""
        x = super().forward(feats, masks)
        cosines = F.linear(F.normalize(x, dim=-1, eps=1e-6), self.embeddings)  # half precision has no smaller eps
        scale = self.log_scale.clamp(max=math.log(MAX_SCALE)).exp()
        return (scale * cosines + self.bias) * torch.cat(masks, dim=1)[..., None]


def _logit(score: float) -> float:
    return -math.log((1 - score) / score)
