"""Score-based contrastive learning (SCL) of DEL: events of one video pull the streams together.

Formulas: DEL (Ahmadian et al. 2025, arXiv 2506.23196); InfoNCE: van den Oord et al. 2018 (arXiv 1807.03748); symmetric
cross-entropy over a batch and the learned, bounded temperature: CLIP (Radford et al. 2021, arXiv 2103.00020).
Shapes: B videos, T steps, D channels of a stream, E channels of the similarity, C classes, K mined negatives; ``mask``
is bool, True = valid. A pair is a video and a class that is present in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.losses.focal import sigmoid_focal_loss
from mmdel.registry import MODELS

MAX_LOGIT_SCALE = math.log(100.0)


class Negatives(NamedTuple):
    """Mined steps of every pair: ``steps`` (B, C, K) and ``valid`` (B, C, K), False where there was no step left."""

    steps: Tensor
    valid: Tensor


@torch.no_grad()
def mine_hard_negatives(
    labels: Tensor, mask: Tensor, score_logits: Tensor, class_logits: Tensor, dilation: int, divisor: int
) -> Negatives:
    """The steps of a video that look most like a class without being one of its events.

    Candidates for class c are the valid steps further than ``dilation`` from every step of c. First come those that
    the class head takes for c, by score; then the others, by their score for c. The best
    ``max(1, num_valid // divisor)`` are kept.

    Args:
        labels: (B, C, T) bool, the classes active at a step.
        mask: (B, T).
        score_logits: (B, T), of a step belonging to any event.
        class_logits: (B, C, T).
        dilation: Steps around an event that are no negatives.
        divisor: Valid steps of a video for each negative.
    """
    num_steps = mask.shape[1]
    near = F.max_pool1d(labels.float(), 2 * dilation + 1, stride=1, padding=dilation) > 0
    taken_for = class_logits.argmax(1, keepdim=True) == torch.arange(labels.shape[1], device=mask.device)[:, None]
    rank = taken_for + torch.where(taken_for, score_logits[:, None].sigmoid(), class_logits.sigmoid())
    best, steps = rank.masked_fill(near | ~mask[:, None], -1.0).topk(max(1, num_steps // divisor), dim=2)
    num_kept = (mask.sum(1) // divisor).clamp(min=1)[:, None, None]
    return Negatives(steps, (best >= 0) & (torch.arange(best.shape[2], device=mask.device) < num_kept))


def gather_batches(batch: Tensor) -> Tensor:
    """(B, E) of this rank → (sum of B over the ranks, E), the batches of all ranks in their order.

    Every rank is meant to compute the same loss from the result. The gradient of the loss then needs no communication:
    it is that of this rank's part, times the number of ranks because their gradients are averaged afterwards.
    """
    num_ranks = get_world_size()
    if num_ranks == 1:
        return batch
    # Gathered tensors must have one shape: batches are padded to the largest, and cut again.
    sizes = torch.stack(all_gather(torch.tensor(len(batch), device=batch.device))).tolist()
    padded = all_gather(F.pad(batch.detach(), (0, 0, 0, max(sizes) - len(batch))))
    batches = [part[:size] for part, size in zip(padded, sizes, strict=True)]
    batches[get_rank()] = batch.detach() + (batch - batch.detach()) * num_ranks
    return torch.cat(batches)


def info_nce(
    streams: Sequence[tuple[Tensor, Tensor, Tensor]], present: Tensor, num_anchors: Tensor, weight: float
) -> dict[str, Tensor]:
    """InfoNCE of the anchors of all streams, averaged, and what it was made of.

    Args:
        streams: Of each, the logits of the positives (…) and of the negatives (…, K), and which negatives are some.
        present: Which anchors there are (…).
        num_anchors: Anchors of a stream, the mean over the ranks.
        weight: Weight of the loss.

    Returns:
        ``loss_intra``; ``num_positives``, ``num_negatives`` and ``hard_negatives``, the share of the negatives that are
        more similar to their anchor than the positive is. Scalars.
    """
    losses, num_negatives, num_hard = [], [], []
    for positive, negative, valid in streams:
        masked = negative.masked_fill(~valid, torch.finfo(torch.float32).min)
        each = torch.cat([positive[..., None], masked], dim=-1).logsumexp(-1) - positive
        losses.append(torch.where(present, each, 0.0).sum() / (num_anchors.clamp(min=1e-6) * len(streams)))
        num_negatives.append(valid.sum())
        num_hard.append((masked > positive[..., None]).sum())
    total_negatives = torch.stack(num_negatives).sum()
    return dict(
        loss_intra=weight * torch.stack(losses).sum(),
        num_positives=present.sum().float(),
        num_negatives=total_negatives.float(),
        hard_negatives=torch.stack(num_hard).sum() / total_negatives.clamp(min=1),
    )


def symmetric_cross_entropy(logits: Tensor, reduction: str) -> Tensor:
    """Of square logits (N, N) whose diagonal is true, by rows and by columns, half of each."""
    target = torch.arange(len(logits), device=logits.device)
    rows, columns = (F.cross_entropy(item, target, reduction=reduction) for item in (logits, logits.T))
    return 0.5 * (rows + columns)


@MODELS.register_module()
class ScoreContrastiveLoss(BaseModule):
    """Token supervision of each stream, contrast within a video (intra-sample) and over the batch (inter-sample).

    - Token supervision: focal losses of a score head (any event at a step?) and a class head, summed over the classes,
      averaged over the valid steps.
    - Intra-sample: the prototype of a pair is the mean of the class's steps, weighted by the softmax of their scores.
      InfoNCE with it as the anchor, the other stream's prototype as the positive, and hard negatives from its own
      stream (:func:`mine_hard_negatives`); averaged over the pairs and the streams. With one stream alone, the positive
      is the mean similarity of the anchor to the steps it was made of.
    - Inter-sample: symmetric cross-entropy over the batches of all ranks between the streams' [CLS] vectors, or masked
      means where there are none. Two streams only.

    The weights of the authors' code are 1.0 for the intra-sample term, whose negatives are few there, and 0.001 for the
    others, which it sums and does not average: over the steps of a batch, a thousand or more, and over its videos. The
    weights here are far smaller: with ten times these, a detector of many classes learned late (docs/benchmarks.md).

    The similarity is the cosine after a learned projection of each stream, times a learned, bounded scale. Averages
    are over all ranks; everything is computed in float32.

    Args:
        num_classes: Classes C.
        embed_dims: Channels D of the streams, or a dict of them by stream.
        streams: Names of the one or two streams.
        proj_dims: Channels E of the similarity.
        dilation: Steps around an event that are not taken as negatives.
        negative_divisor: Valid steps of a video for each negative of a pair.
        intra_weight: Weight of the intra-sample term.
        inter_weight: Weight of the inter-sample term.
        score_weight: Weight of each stream's score loss.
        token_cls_weight: Weight of each stream's class loss.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If there are not one or two streams.
    """

    def __init__(
        self,
        num_classes: int,
        embed_dims: int | dict[str, int],
        streams: Sequence[str] = ('visual', 'audio'),
        proj_dims: int = 128,
        dilation: int = 4,
        negative_divisor: int = 8,
        intra_weight: float = 0.01,
        inter_weight: float = 0.001,
        score_weight: float = 0.1,
        token_cls_weight: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(set(streams)) != len(streams) or len(streams) not in (1, 2):
            raise ValueError(f'streams must name one or two streams, got {list(streams)}')
        self.streams = tuple(streams)
        self.num_classes = num_classes
        self.embed_dims = embed_dims if isinstance(embed_dims, dict) else dict.fromkeys(streams, embed_dims)
        self.dilation = dilation
        self.negative_divisor = negative_divisor
        self.intra_weight = intra_weight
        self.inter_weight = inter_weight
        self.score_weight = score_weight
        self.token_cls_weight = token_cls_weight

        def linear_per_stream(out_features: int, bias: bool = True) -> nn.ModuleDict:
            return nn.ModuleDict({name: nn.Linear(self.embed_dims[name], out_features, bias) for name in streams})

        self.score_heads = linear_per_stream(1)
        self.class_heads = linear_per_stream(num_classes)
        self.projections = linear_per_stream(proj_dims, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        for name in streams:  # every class scores 0.01 before training
            nn.init.constant_(self.class_heads[name].get_parameter('bias'), -math.log(99))

    def forward(
        self, streams: dict[str, Tensor], mask: Tensor, labels: Tensor, cls: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The weighted terms and what was mined.

        Args:
            streams: (B, T, D) by name.
            mask: (B, T).
            labels: (B, T, C) bool, the classes active at a step.
            cls: (B, D), the [CLS] vectors of those streams that have one.

        Returns:
            ``loss_intra``; ``loss_inter`` with two streams; ``loss_score_<stream>`` and ``loss_token_cls_<stream>``;
            ``num_positives``, the number of pairs; ``num_negatives``, those mined for all anchors; and
            ``hard_negatives``, the share of them that is more similar to its anchor than the positive is. Scalars.
        """
        # Clamped in place: a clamped value has no gradient, so that one beyond the bound would stay there.
        self.logit_scale.data.clamp_(max=MAX_LOGIT_SCALE)
        with torch.autocast(mask.device.type, enabled=False):
            features = {name: streams[name].float() for name in self.streams}
            vectors = {name: vector.float() for name, vector in (cls or {}).items()}
            return self._losses(features, vectors, mask, (labels & mask[..., None]).transpose(1, 2))

    def _losses(
        self, streams: dict[str, Tensor], cls: dict[str, Tensor], mask: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """:meth:`forward` in float32, with ``labels`` (B, C, T)."""
        present = labels.any(2)
        counts = torch.stack([present.sum(), mask.sum()]).float()
        all_reduce(counts, 'mean')
        num_pairs, num_steps = counts.clamp(min=1e-6)

        losses: dict[str, Tensor] = {}
        prototypes, steps, negatives = {}, {}, {}
        for name, features in streams.items():
            score_logits = self.score_heads[name](features).squeeze(-1)  # (B, T)
            class_logits = self.class_heads[name](features).transpose(1, 2)  # (B, C, T)
            score_losses = sigmoid_focal_loss(score_logits, labels.any(1)) * mask
            class_losses = sigmoid_focal_loss(class_logits, labels) * mask[:, None]
            losses[f'loss_score_{name}'] = self.score_weight * score_losses.sum() / num_steps
            losses[f'loss_token_cls_{name}'] = self.token_cls_weight * class_losses.sum() / num_steps

            projected = self.projections[name](features)  # (B, T, E)
            weights = score_logits[:, None].masked_fill(~labels, torch.finfo(torch.float32).min).softmax(2)
            # The projection is linear: that of the mean is the mean of the projected steps.
            prototypes[name] = F.normalize(weights @ projected, dim=2)  # (B, C, E)
            steps[name] = F.normalize(projected, dim=2)
            negatives[name] = mine_hard_negatives(
                labels, mask, score_logits, class_logits, self.dilation, self.negative_divisor
            )
        losses.update(self._intra(prototypes, steps, negatives, labels, present, num_pairs))
        if len(self.streams) == 2:
            losses['loss_inter'] = self.inter_weight * self._inter(streams, cls, mask)
        return losses

    def _intra(
        self,
        prototypes: dict[str, Tensor],
        steps: dict[str, Tensor],
        negatives: dict[str, Negatives],
        labels: Tensor,
        present: Tensor,
        num_pairs: Tensor,
    ) -> dict[str, Tensor]:
        """InfoNCE of every pair in each stream, and what was mined."""
        scale, found = self.logit_scale.exp(), []
        for name, anchors in prototypes.items():
            similarity = scale * anchors @ steps[name].transpose(1, 2)  # (B, C, T)
            if len(prototypes) == 1:
                positive = (similarity * labels).sum(2) / labels.sum(2).clamp(min=1)
            else:
                first, second = prototypes.values()
                positive = scale * (first * second).sum(2)
            negative = similarity.gather(2, negatives[name].steps)  # (B, C, K)
            found.append((positive, negative, negatives[name].valid & present[..., None]))
        return info_nce(found, present, num_pairs, self.intra_weight)

    def _inter(self, streams: dict[str, Tensor], cls: dict[str, Tensor], mask: Tensor) -> Tensor:
        """Symmetric cross-entropy between the streams' vectors over all videos; 0 for one video."""
        # The sum serves for the mean, since the vectors are normalised.
        first, second = (
            gather_batches(F.normalize(self.projections[name](vector), dim=1))
            for name, vector in (
                (name, cls[name] if name in cls else (x * mask[..., None]).sum(1)) for name, x in streams.items()
            )
        )
        logits = self.logit_scale.exp() * first @ second.T
        return symmetric_cross_entropy(logits, 'mean')
