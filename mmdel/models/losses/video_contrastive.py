"""The contrast of DEL as its authors' code has it: one anchor for a video, negatives by chance.

Formulas: DEL (Ahmadian et al. 2025, arXiv 2506.23196); InfoNCE: van den Oord et al. 2018 (arXiv 1807.03748).
Shapes: B videos, T steps, D channels of a stream, C classes; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.losses.focal import sigmoid_focal_loss
from mmdel.models.losses.score_contrastive import MAX_LOGIT_SCALE, gather_batches, info_nce, symmetric_cross_entropy
from mmdel.registry import MODELS


@MODELS.register_module()
class VideoContrastiveLoss(BaseModule):
    """The form of :class:`ScoreContrastiveLoss` in which a video has one anchor, with the terms of the authors' code.

    - Score: focal loss of a score head (any event at a step?) of each stream, **summed** over the valid steps.
    - Intra-sample: InfoNCE with the plain mean of all event steps of a stream as the anchor, and that of the other
      stream as the positive; averaged over the videos with an event and the streams. Negatives are the steps of the
      anchor's stream that lie further than ``dilation`` from every event, and that a class head **which is never
      trained** takes for the class of the video's first event step (the first class, if there are several). A video
      without such a step has a loss of 0.
    - Inter-sample: symmetric cross-entropy over the batches of all ranks between the streams' [CLS] vectors, or masked
      means where there are none, **summed** over the videos.

    The similarity is the cosine of the features as they are, times a learned, bounded scale of each of the three
    contrasts. The sums are over all ranks' batches; accumulated gradients are averaged over the batches. Everything is
    computed in float32.

    Args:
        num_classes: Classes C.
        embed_dims: Channels D of both streams, or a dict of them by stream.
        streams: Names of the two streams.
        dilation: Steps around an event that are not taken as negatives.
        intra_weight: Weight of the intra-sample term.
        inter_weight: Weight of the inter-sample term.
        score_weight: Weight of each stream's score loss.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If there are not two streams of the same width.
    """

    def __init__(
        self,
        num_classes: int,
        embed_dims: int | dict[str, int],
        streams: Sequence[str] = ('visual', 'audio'),
        dilation: int = 4,
        intra_weight: float = 1.0,
        inter_weight: float = 0.001,
        score_weight: float = 0.001,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.embed_dims = embed_dims if isinstance(embed_dims, dict) else dict.fromkeys(streams, embed_dims)
        if len(set(streams)) != 2 or len(streams) != 2 or len({self.embed_dims[name] for name in streams}) > 1:
            raise ValueError(f'streams must name two streams of one width, got {list(streams)} of {self.embed_dims}')
        self.streams = tuple(streams)
        self.num_classes = num_classes
        self.dilation = dilation
        self.intra_weight = intra_weight
        self.inter_weight = inter_weight
        self.score_weight = score_weight
        dims = self.embed_dims[self.streams[0]]
        self.score_heads = nn.ModuleDict({name: nn.Linear(dims, 1) for name in streams})
        # Parameters, if frozen ones, so that a checkpoint has them and a resumed training goes on with them.
        self.class_heads = nn.ModuleDict({name: nn.Linear(dims, num_classes).requires_grad_(False) for name in streams})
        # Of the first and the second stream's anchors, and of the [CLS] vectors.
        self.logit_scales = nn.Parameter(torch.full((3,), math.log(1 / 0.07)))

    def forward(
        self, streams: dict[str, Tensor], mask: Tensor, labels: Tensor, cls: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The weighted terms and what was found.

        Args:
            streams: (B, T, D) by name.
            mask: (B, T).
            labels: (B, T, C) bool, the classes active at a step.
            cls: (B, D), the [CLS] vectors of those streams that have one.

        Returns:
            ``loss_intra``, ``loss_inter`` and ``loss_score_<stream>``; ``num_positives``, the number of anchors of a
            stream; ``num_negatives``, those of all anchors; and ``hard_negatives``, the share of them that is more
            similar to its anchor than the positive is. Scalars.
        """
        # Clamped in place: a clamped value has no gradient, so that one beyond the bound would stay there.
        self.logit_scales.data.clamp_(max=MAX_LOGIT_SCALE)
        with torch.autocast(mask.device.type, enabled=False):
            features = {name: streams[name].float() for name in self.streams}
            labels = labels & mask[..., None]
            losses = {}
            for name, x in features.items():
                score_losses = sigmoid_focal_loss(self.score_heads[name](x).squeeze(-1), labels.any(2)) * mask
                # The gradients of the ranks are averaged.
                losses[f'loss_score_{name}'] = self.score_weight * score_losses.sum() * get_world_size()
            vectors = [
                cls[name].float() if cls and name in cls else (x * mask[..., None]).sum(1)
                for name, x in features.items()
            ]
            losses['loss_inter'] = self.inter_weight * self._inter(*vectors)
            return {**losses, **self._intra(features, mask, labels)}

    def _inter(self, first: Tensor, second: Tensor) -> Tensor:
        """Symmetric cross-entropy between two vectors (B, D) of each video, summed over all videos."""
        first, second = (gather_batches(F.normalize(vector, dim=1)) for vector in (first, second))
        logits = self.logit_scales[2].exp() * first @ second.T
        return symmetric_cross_entropy(logits, 'sum')

    def _intra(self, features: dict[str, Tensor], mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """InfoNCE of every video in each stream, and what was found."""
        active = labels.any(2)  # (B, T)
        present = active.any(1)
        num_anchors = present.sum().float()
        all_reduce(num_anchors, 'mean')
        wanted = self._first_class(labels, active)
        near = F.max_pool1d(active[:, None].float(), 2 * self.dilation + 1, stride=1, padding=self.dilation)[:, 0] > 0
        far = mask & ~near & present[:, None]

        # The cosine of a mean is that of the sum.
        anchors = {name: F.normalize((x * active[..., None]).sum(1), dim=1) for name, x in features.items()}
        first, second = anchors.values()
        cosine = (first * second).sum(1)  # (B,)
        found = []
        for (name, x), scale in zip(features.items(), self.logit_scales.exp(), strict=False):
            with torch.no_grad():
                is_negative = far & (self.class_heads[name](x).argmax(2) == wanted[:, None])
            negative = scale * (F.normalize(x, dim=2) @ anchors[name][..., None]).squeeze(2)
            found.append((scale * cosine, negative, is_negative))
        return info_nce(found, present, num_anchors, self.intra_weight)

    @staticmethod
    def _first_class(labels: Tensor, active: Tensor) -> Tensor:
        """Labels (B, T, C), event steps (B, T) → the first class (B,) of each video's first event step."""
        step = active.int().argmax(1)  # the first of the largest
        rows = labels.gather(1, step[:, None, None].expand(-1, -1, labels.shape[2])).squeeze(1)
        return rows.int().argmax(1)
