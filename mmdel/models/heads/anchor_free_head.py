"""Anchor-free heads over a temporal pyramid: what class a point has, and how far its event reaches.

After FCOS (Tian et al. 2019) in one dimension and ActionFormer (Zhang et al. 2022, arXiv 2202.07925).
Shapes: B videos, L levels of T_l steps, P = Σ T_l points, C classes, R = C for class-aware regression, else 1;
``mask`` is bool, True = valid.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mmdel.models.layers import ChannelLayerNorm, MaskedConv1d
from mmdel.models.task_modules import Points, fuse_sample_scores
from mmdel.registry import MODELS, TASK_UTILS
from mmdel.structures import EventDataSample, segment_length


class ConvTower(nn.Module):
    """Two masked convolutions with norm and ReLU and a last one to the outputs, over all levels in one pass.

    The levels lie one behind the other with an invalid step between them, which reads as zero like a level's border.
    """

    def __init__(self, in_channels: int, channels: int, out_channels: int, num_convs: int = 2) -> None:
        super().__init__()
        widths = [in_channels] + [channels] * num_convs
        self.convs = nn.ModuleList(MaskedConv1d(a, b, 3, bias=False) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(ChannelLayerNorm(channels) for _ in range(num_convs))
        self.last = MaskedConv1d(channels, out_channels, 3)

    def forward(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> Tensor:
        """L levels (B, C_in, T_l) and masks (B, T_l) → (B, P, C_out)."""
        gapped = [F.pad(feat, (0, 1)) for feat in feats]
        x, mask = torch.cat(gapped, dim=2), torch.cat([F.pad(mask, (0, 1)) for mask in masks], dim=1)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x, mask)))
        x = self.last(x, mask)
        return torch.cat([level[..., :-1] for level in x.split([g.shape[2] for g in gapped], dim=2)], 2).transpose(1, 2)


@MODELS.register_module()
class AnchorFreeHead(BaseModule):
    """Classification and regression of every point of the pyramid, their losses, and the events they stand for.

    ``forward`` is pure; ``loss`` and ``predict`` are ``forward`` followed by ``loss_by_feat`` and ``predict_by_feat``.

    Args:
        num_classes: Classes C. With 1, every event is of the one class, whatever its label: proposals.
        in_channels: Channels of the neck's levels.
        feat_channels: Channels of the towers.
        point_generator: Config of the point generator; it also says how many levels there are.
        assigner: Config of the assigner; ``num_classes`` and ``class_aware`` are filled in.
        coder: Config of the segment coder.
        nms: Config of the non-maximum suppression.
        class_aware: Whether each class has offsets of its own.
        loss_cls: Config of the classification loss.
        loss_reg: Config of the regression loss. With its ``loss_weight`` −1, it is scaled to the size of the
            classification loss at every step.
        prior_prob: Score of every class before training.
        normalizer_init: Start of the moving average of the number of positives that both losses are divided by.
        normalizer_momentum: Momentum of that average.
        pre_nms_score: Candidates must score above it.
        pre_nms_num: Most candidates of a video before NMS.
        min_length: Candidates shorter than this, in grid steps, are dropped.
        video_score_topk: Fuse the detections with the class scores of their whole video, given from outside
            (``LoadVideoScores``), for the best so many classes of each video; None = do not.
        init_cfg: As in mmengine.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        feat_channels: int,
        point_generator: dict,
        assigner: dict,
        nms: dict,
        coder: dict = dict(type='mmdel.SegmentCoder'),
        class_aware: bool = False,
        loss_cls: dict = dict(type='mmdel.SigmoidFocalLoss'),
        loss_reg: dict = dict(type='mmdel.DIoULoss'),
        prior_prob: float = 0.01,
        normalizer_init: float = 100.0,
        normalizer_momentum: float = 0.9,
        pre_nms_score: float = 0.001,
        pre_nms_num: int = 2000,
        min_length: float = 0.05,
        video_score_topk: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.num_regressions = num_classes if class_aware else 1
        self.point_generator = TASK_UTILS.build(point_generator)
        self.assigner = TASK_UTILS.build(dict(num_classes=num_classes, class_aware=class_aware, **assigner))
        self.coder = TASK_UTILS.build(coder)
        self.nms = TASK_UTILS.build(nms)
        self.loss_cls = MODELS.build(loss_cls)
        self.loss_reg = MODELS.build(loss_reg)
        self.normalizer_momentum = normalizer_momentum
        self.pre_nms_score = pre_nms_score
        self.pre_nms_num = pre_nms_num
        self.min_length = min_length
        self.video_score_topk = video_score_topk

        self.cls_tower = ConvTower(in_channels, feat_channels, num_classes)
        self.reg_tower = ConvTower(in_channels, feat_channels, 2 * self.num_regressions)
        self.scales = nn.Parameter(torch.ones(self.point_generator.num_levels))
        nn.init.constant_(self.cls_tower.last.bias, -math.log((1 - prior_prob) / prior_prob))
        # Offsets of a class that start at or below zero everywhere get no gradient through the ReLU and stay there.
        nn.init.ones_(self.reg_tower.last.bias)
        self.register_buffer('loss_normalizer', torch.tensor(float(normalizer_init)))

    def forward(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """L levels (B, C_in, T_l) and masks (B, T_l) → ``cls_logits`` (B, P, C), ``offsets`` (B, P, R, 2) >= 0."""
        cls_logits = self.cls_tower(feats, masks)
        return cls_logits, self._regress(feats, masks).unflatten(-1, (self.num_regressions, 2))

    def _regress(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> Tensor:
        """The regression tower's outputs (B, P, K), scaled for each level, >= 0."""
        lengths = torch.tensor([feat.shape[2] for feat in feats])
        scales = self.scales[torch.arange(len(feats)).repeat_interleave(lengths).to(self.scales.device)]
        return F.relu(self.reg_tower(feats, masks) * scales[:, None].to(feats[0].dtype))

    def loss(
        self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> dict[str, Tensor]:
        """Losses of a batch: ``loss_cls``, ``loss_reg``, and ``num_pos``, the number of positive points."""
        return self.loss_by_feat(*self(feats, masks), masks, data_samples)

    def predict(
        self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> list[InstanceData]:
        """Events of each video, see :meth:`predict_by_feat`."""
        return self.predict_by_feat(*self(feats, masks), masks, data_samples)

    def loss_by_feat(
        self, cls_logits: Tensor, offsets: Tensor, masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> dict[str, Tensor]:
        """Losses of the outputs of :meth:`forward` against the true events of ``data_samples``."""
        points = self._points(masks)
        mask = torch.cat(masks, dim=1)
        segments, event_labels, valid = _stack_events(data_samples, mask.device)
        if self.num_classes == 1:
            event_labels = torch.zeros_like(event_labels)
        targets = self.assigner(points, segments, event_labels, valid)
        labels = targets.labels & mask[..., None]
        positive = targets.positive & mask[..., None]
        normalizer = self._update_normalizer(positive.sum())

        predicted = self._decode(points, offsets.float())
        weight = mask[..., None] * self._cls_weight(labels, predicted, targets.segments)
        loss_cls = self.loss_cls(cls_logits, labels, weight=weight, normalizer=normalizer)
        regressed = labels if self.num_regressions > 1 else positive
        loss_reg = self.loss_reg(predicted, targets.segments, weight=regressed.float(), normalizer=normalizer)
        if self.loss_reg.loss_weight > 0:
            loss_reg = loss_reg * self.loss_reg.loss_weight
        else:
            loss_reg = loss_reg * loss_cls.detach() / loss_reg.detach().clamp(min=0.01)
        return dict(loss_cls=loss_cls, loss_reg=loss_reg, num_pos=positive.sum().float())

    def _cls_weight(self, labels: Tensor, predicted: Tensor, segments: Tensor) -> Tensor | float:
        """Weight of each class of each point in the classification loss, for labels (B, P, C) and what is regressed.

        ``predicted`` (B, P, R, 2) and the true ``segments``, which broadcast to it, are in grid steps.
        """
        return 1.0

    def predict_by_feat(
        self, cls_logits: Tensor, offsets: Tensor, masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> list[InstanceData]:
        """Events of the outputs of :meth:`forward`: :meth:`candidates`, then :meth:`finish`."""
        return self.finish(*self.candidates(cls_logits, offsets, masks), data_samples)

    @torch.no_grad()
    def candidates(
        self, cls_logits: Tensor, offsets: Tensor, masks: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The best points of each video, before any suppression.

        Returns:
            ``segments`` (B, K, 2) in grid steps, ``scores`` (B, K), 0 for what is no candidate, ``labels`` (B, K).
        """
        points = self._points(masks)
        scores = cls_logits.float().sigmoid() * torch.cat(masks, dim=1)[..., None]
        num = min(self.pre_nms_num, scores[0].numel())
        scores, flat = scores.flatten(1).topk(num, dim=1)  # (B, K)
        index, labels = flat // self.num_classes, flat % self.num_classes
        regression = index * self.num_regressions + (labels if self.num_regressions > 1 else 0)
        offsets = offsets.float().flatten(1, 2).gather(1, regression[..., None].expand(-1, -1, 2))
        segments = self.coder.decode(points.times[index], points.strides[index], offsets)
        keep = (scores > self.pre_nms_score) & (segment_length(segments) > self.min_length)
        return segments, scores.masked_fill(~keep, 0.0), labels

    @torch.no_grad()
    def finish(
        self, segments: Tensor, scores: Tensor, labels: Tensor, data_samples: list[EventDataSample]
    ) -> list[InstanceData]:
        """Candidates (B, K, 2), (B, K), (B, K) → events: NMS, the video's class scores, seconds.

        Returns:
            For each video ``segments_sec`` (K', 2), ``scores`` (K',) descending, ``labels`` (K',).

        Raises:
            ValueError: If ``video_score_topk`` is set and a sample has no ``video_scores``.
        """
        results = []
        for sample, events in zip(data_samples, self.nms(segments, scores, labels), strict=True):
            if self.video_score_topk is not None:
                events = fuse_sample_scores(sample, *events, self.video_score_topk)
            segments, scores, labels = events
            segments_sec = sample.grid.to_sec(segments).clamp(min=0.0, max=sample.duration_sec)
            results.append(InstanceData(segments_sec=segments_sec, scores=scores, labels=labels))
        return results

    def _points(self, masks: tuple[Tensor, ...]) -> Points:
        return self.point_generator([mask.shape[1] for mask in masks], masks[0].device)

    def _decode(self, points: Points, offsets: Tensor) -> Tensor:
        """Offsets (B, P, R, 2) → segments (B, P, R, 2) in grid steps."""
        return self.coder.decode(points.times[:, None], points.strides[:, None], offsets)

    def _update_normalizer(self, num_positive: Tensor) -> Tensor:
        """Moves the average towards this step's number of positives (mean over the ranks) and returns it."""
        if self.training:
            num_positive = num_positive.to(self.loss_normalizer.dtype)
            all_reduce(num_positive, 'mean')
            self.loss_normalizer.lerp_(num_positive.clamp(min=1.0), 1 - self.normalizer_momentum)
        return self.loss_normalizer.clone()


def _stack_events(data_samples: list[EventDataSample], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The true events of a batch, padded: segments (B, N, 2) in grid steps, labels (B, N), valid (B, N)."""
    segments = [sample.gt_instances.segments for sample in data_samples]
    labels = [sample.gt_instances.labels for sample in data_samples]
    valid = [torch.ones(len(item), dtype=torch.bool) for item in labels]
    stacked = (pad_sequence(items, batch_first=True) for items in (segments, labels, valid))
    segments, labels, valid = (item.to(device, non_blocking=True) for item in stacked)
    return segments, labels, valid
