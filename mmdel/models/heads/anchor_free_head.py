"""Anchor-free heads over a temporal pyramid: what class a point has, and how far its event reaches.

After FCOS (Tian et al. 2019) in one dimension and ActionFormer (Zhang et al. 2022, arXiv 2202.07925).
Shapes: B videos, L levels of T_l steps, P = Σ T_l points, C classes, R = C for class-aware regression, else 1;
``mask`` is bool, True = valid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmdel.models.task_modules import Points, decode_offsets, fuse_video_scores
from mmdel.registry import MODELS, TASK_UTILS
from mmdel.structures import EventDataSample, in_ignored_events, inside_any, segment_iou, segment_length
from mmdel.utils.derived import build_derived

NORMALIZER_MOMENTUM = 0.9


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
        nms: Config of the non-maximum suppression.
        class_aware: Whether each class of a point has an event of its own to regress.
        classifier: Config of the part that gives the logits; of the channels, classes and ``prior_prob``, what it takes
            is filled in.
        regressor: Config of the part that gives the offsets; of the channels, classes, levels, ``class_aware`` and
            ``prior_prob``, what it takes is filled in. It has ``num_regressions``, R.
        loss_cls: Config of the classification loss. Like ``loss_reg``, it is called with predictions, targets, weights
            and the normalizer, and applies a weight of its own.
        loss_reg: Config of the regression loss.
        balance_losses: Whether the regression loss is scaled to the size of the classification loss at every step.
        iou_power: A positive counts tIoU ^ ``iou_power`` of what was regressed with its truth in the classification
            loss, as in TriDet (arXiv 2303.07347). Unlike in its authors' code, no gradient flows through that weight:
            it would lower the tIoU of positives that are hard to classify, and be infinite where the tIoU is 0.
        prior_prob: Score of every class before training.
        normalizer_init: Start of the moving average of the number of positives that both losses are divided by.
        pre_nms_score: Candidates must score above it.
        pre_nms_num: Most candidates of a video before NMS; a long one in windows has so many a window.
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
        class_aware: bool = False,
        classifier: dict = dict(type='mmdel.TowerClassifier'),
        regressor: dict = dict(type='mmdel.OffsetRegressor'),
        loss_cls: dict = dict(type='mmdel.SigmoidFocalLoss'),
        loss_reg: dict = dict(type='mmdel.DIoULoss'),
        balance_losses: bool = False,
        iou_power: float = 0.0,
        prior_prob: float = 0.01,
        normalizer_init: float = 100.0,
        pre_nms_score: float = 0.001,
        pre_nms_num: int = 2000,
        min_length: float = 0.05,
        video_score_topk: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.point_generator = TASK_UTILS.build(point_generator)
        self.assigner = TASK_UTILS.build(dict(num_classes=num_classes, class_aware=class_aware, **assigner))
        self.nms = TASK_UTILS.build(nms)
        self.loss_cls = MODELS.build(loss_cls)
        self.loss_reg = MODELS.build(loss_reg)
        self.balance_losses = balance_losses
        self.iou_power = iou_power
        self.pre_nms_score = pre_nms_score
        self.pre_nms_num = pre_nms_num
        self.min_length = min_length
        self.video_score_topk = video_score_topk

        derived: dict[str, object] = dict(
            in_channels=in_channels, feat_channels=feat_channels, num_classes=num_classes, prior_prob=prior_prob
        )
        self.cls_tower = build_derived(MODELS, 'head.classifier', classifier, **derived)
        derived.update(num_levels=self.num_levels, class_aware=class_aware)
        self.regressor = build_derived(MODELS, 'head.regressor', regressor, **derived)
        self.register_buffer('loss_normalizer', torch.tensor(float(normalizer_init)))

    @property
    def num_levels(self) -> int:
        """Levels L of the pyramid."""
        return self.point_generator.num_levels

    def widen(self, reaches: Sequence[int]) -> tuple[int, ...] | None:
        """How far the points see if the levels see so far, in steps of the finest; None = all."""
        parts = self.cls_tower, self.regressor
        own = [part.reach for part in parts if hasattr(part, 'reach')]
        if len(own) < len(parts):
            return None
        return tuple(reach + max(own) * 2**level for level, reach in enumerate(reaches))

    def forward(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """L levels (B, C_in, T_l) and masks (B, T_l) → ``cls_logits`` (B, P, C), ``offsets`` (B, P, R, 2) >= 0."""
        return self.cls_tower(feats, masks), self.regressor(feats, masks)

    def loss(
        self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> dict[str, Tensor]:
        """Losses of a batch: ``loss_cls``, ``loss_reg``, and ``num_pos``, the number of positive points."""
        cls_logits, offsets = self(feats, masks)
        return self.loss_by_feat(cls_logits, offsets, masks, data_samples)

    def predict(
        self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> list[InstanceData]:
        """Events of each video, see :meth:`predict_by_feat`."""
        cls_logits, offsets = self(feats, masks)
        return self.predict_by_feat(cls_logits, offsets, masks, data_samples)

    def loss_by_feat(
        self, cls_logits: Tensor, offsets: Tensor, masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> dict[str, Tensor]:
        """Losses of the outputs of :meth:`forward` against the true events of ``data_samples``.

        Points inside an ignored event and no true one are left out: whether there is something is not known.
        """
        points = self._points(masks)
        mask = torch.cat(masks, dim=1)
        segments, event_labels, valid = _stack_events(data_samples)
        if self.num_classes == 1:
            event_labels = torch.zeros_like(event_labels)
        targets = self.assigner(points, segments, event_labels, valid)
        labels = targets.labels & mask[..., None]
        positive = targets.positive & mask[..., None]
        normalizer = self._update_normalizer(positive.sum())

        predicted = decode_offsets(points.times[:, None], points.strides[:, None], offsets.float())
        events = segments.masked_fill(~valid[..., None], math.nan)
        unknown = in_ignored_events(data_samples, points.times) & ~inside_any(points.times, events)
        weight = (mask & ~unknown)[..., None].float()
        if self.iou_power:
            tiou = segment_iou(predicted.detach(), targets.segments)
            weight = weight * torch.where(labels, tiou**self.iou_power, 1.0)
        loss_cls = self.loss_cls(cls_logits, labels, weight, normalizer)
        regressed = labels if self.regressor.num_regressions > 1 else positive
        loss_reg = self.loss_reg(predicted, targets.segments, regressed.float(), normalizer)
        if self.balance_losses:
            loss_reg = loss_reg * loss_cls.detach() / loss_reg.detach().clamp(min=0.01)
        return dict(loss_cls=loss_cls, loss_reg=loss_reg, num_pos=positive.sum().float())

    def predict_by_feat(
        self, cls_logits: Tensor, offsets: Tensor, masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> list[InstanceData]:
        """Events of the outputs of :meth:`forward`: :meth:`candidates`, then :meth:`finish`."""
        return self.finish(*self.candidates(cls_logits, offsets, masks), data_samples)

    @torch.no_grad()
    def candidates(
        self, cls_logits: Tensor, offsets: Tensor, masks: tuple[Tensor, ...], max_num: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The ``max_num`` best points and classes of each video, before anything is left out.

        Args:
            cls_logits: (B, P, C).
            offsets: (B, P, R, 2).
            masks: L masks (B, T_l) of the points that may speak.
            max_num: None takes ``pre_nms_num``.

        Returns:
            ``segments`` (B, K, 2) in grid steps, ``scores`` (B, K) descending, 0 at invalid points, ``labels`` (B, K).
        """
        points = self._points(masks)
        scores = cls_logits.float().sigmoid() * torch.cat(masks, dim=1)[..., None]
        num = min(max_num or self.pre_nms_num, scores[0].numel())
        scores, flat = scores.flatten(1).topk(num, dim=1)  # (B, K)
        index, labels = flat // self.num_classes, flat % self.num_classes
        num_regressions = self.regressor.num_regressions
        regression = index * num_regressions + (labels if num_regressions > 1 else 0)
        offsets = offsets.float().flatten(1, 2).gather(1, regression[..., None].expand(-1, -1, 2))
        return decode_offsets(points.times[index], points.strides[index], offsets), scores, labels

    @torch.no_grad()
    def finish(
        self,
        segments: Tensor,
        scores: Tensor,
        labels: Tensor,
        data_samples: list[EventDataSample],
        num_windows: float = 1.0,
    ) -> list[InstanceData]:
        """Candidates (B, K, 2), (B, K), (B, K) → events: thresholds, NMS, the video's class scores, seconds.

        Args:
            segments: (B, K, 2) in grid steps.
            scores: (B, K), 0 for what is no candidate.
            labels: (B, K).
            data_samples: The videos.
            num_windows: How many times the suppression's ``max_num`` each of them may have.

        Returns:
            For each video ``segments_sec`` (K', 2), ``scores`` (K',) descending, ``labels`` (K',).

        Raises:
            UserInputError: If ``video_score_topk`` is set and a sample has no ``video_scores``, or of fewer classes.
        """
        results = []
        keep = (scores > self.pre_nms_score) & (segment_length(segments) > self.min_length)
        kept = self.nms(segments, scores.masked_fill(~keep, 0.0), labels, num_windows=num_windows)
        for sample, (segments, scores, labels) in zip(data_samples, kept, strict=True):
            if self.video_score_topk is not None:
                segments, scores, labels = fuse_video_scores(sample, segments, scores, self.video_score_topk)
            segments_sec = sample.grid.to_sec(segments).clamp(min=0.0, max=sample.duration_sec)
            results.append(InstanceData(segments_sec=segments_sec, scores=scores, labels=labels))
        return results

    def _points(self, masks: tuple[Tensor, ...]) -> Points:
        return self.point_generator([mask.shape[1] for mask in masks], masks[0].device)

    def _update_normalizer(self, num_positive: Tensor) -> Tensor:
        """Moves the average towards the number of positives on all ranks; returns a rank's part of it.

        So several ranks start with the same average, and have the same gradients, as one with all their videos.
        """
        if self.training:
            num_positive = num_positive.to(self.loss_normalizer.dtype)
            all_reduce(num_positive, 'sum')
            self.loss_normalizer.lerp_(num_positive.clamp(min=1.0), 1 - NORMALIZER_MOMENTUM)
        return self.loss_normalizer / get_world_size()


def _stack_events(data_samples: list[EventDataSample]) -> tuple[Tensor, Tensor, Tensor]:
    """The true events of a batch, padded: segments (B, N, 2) in grid steps, labels (B, N), valid (B, N)."""
    segments = pad_sequence([sample.gt_instances.segments for sample in data_samples], batch_first=True)
    labels = [sample.gt_instances.labels for sample in data_samples]
    padded = pad_sequence(labels, batch_first=True, padding_value=-1)
    return segments, padded.clamp(min=0), padded >= 0
