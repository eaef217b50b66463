"""MMAction2's localizers as detectors of mmdel: on its data sets, scored by its metrics.

Shapes: B videos, T steps, C channels of all streams together, N events, K proposals. A *part* is a time as a fraction
of the stretch that the features cover: step t lies between the parts t / T and (t + 1) / T.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor

from mmdel.models.task_modules import fuse_video_scores
from mmdel.registry import MODELS, TASK_UTILS
from mmdel.structures import EventDataSample, StreamBatch, segment_iou
from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import autocast

# Outside of the video and of no length: overlaps no anchor and no proposal. MMAction2's localizers need one event.
NO_EVENT = (-1.0, -1.0)
# From part 0 to part 1, of no score. MMAction2's TCANet needs one proposal.
WHOLE_VIDEO = (0.0, 1.0, 0.0)
BMN_POSITIVE_TIOU = 0.7  # as in MMAction2's BMNLoss


@MODELS.register_module()
class MMActionLocalizer(BaseModel):
    """MMAction2's BMN (Lin et al. 2019, arXiv 1907.09702) on the inputs and data samples of mmdel.

    Reads the streams of a video, concatenated and resized to the localizer's fixed length (``ResizeStreams``), or the
    finest level of any backbone of mmdel. What it predicts are proposals, all of class 0; with the class scores of
    their whole video (``LoadVideoScores``), they become detections.

    The localizer itself computes in float32 where the backbone does not: its losses take logarithms of scores, its
    post-processing is numpy's, and torch 2.13 aborts in the gradient of BMN's 3D convolution in bfloat16 on a CPU.

    Args:
        localizer: Config of MMAction2's localizer, e.g. ``dict(type='mmaction.BMN', feat_dim=C, temporal_dim=T, …)``.
        streams: Which streams are read, side by side in this order; None where the batch has only one, and with a
            backbone.
        backbone: Config of a backbone in front of it; its streams' finest levels are concatenated, in its order.
        video_score_topk: Give every proposal the best so many classes of its video, and the geometric mean of both
            scores; None = proposals only.
        data_preprocessor: Config; as in mmengine.
        init_cfg: As in mmengine.

    Raises:
        UserInputError: If both ``streams`` and ``backbone`` are given.
    """

    def __init__(
        self,
        localizer: dict,
        streams: Sequence[str] | None = None,
        backbone: dict | None = None,
        video_score_topk: int | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.localizer = MODELS.build(localizer)
        loss: Any = getattr(self.localizer, 'loss_cls', None)
        if hasattr(loss, 'pem_reg_loss'):
            loss.pem_reg_loss = partial(_zero_without_positives, loss.pem_reg_loss)
        if streams is not None and backbone is not None:
            raise UserInputError(f'streams={list(streams)} belongs into the backbone, which is what reads the streams')
        self.streams = streams
        self.backbone = MODELS.build(backbone) if backbone else None
        self.video_score_topk = video_score_topk

    @property
    def length(self) -> int:
        """The number of steps T of every video."""
        return self.localizer.tscale

    def forward(
        self, inputs: StreamBatch, data_samples: list[EventDataSample] | None = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | list[EventDataSample] | Tensor | tuple[Tensor, ...]:
        """Runs the model on a preprocessed batch.

        Args:
            inputs: Streams (B, T, C_s) and mask (B, T).
            data_samples: One for each video; needed in the modes 'loss' and 'predict'.
            mode: 'loss' → dict of losses; 'predict' → the data samples with ``pred_instances``; 'tensor' → what the
                localizer returns.

        Raises:
            UserInputError: If a video has another length than the localizer, the batch has other streams than it reads,
                or a sample lacks the ``video_scores`` or ``proposals`` that are needed.
            ValueError: If ``mode`` is none of the three.
        """
        if mode not in ('loss', 'predict', 'tensor'):
            raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")
        feats = self._features(inputs).float()
        with autocast(feats.device, 'float32'):
            if mode == 'tensor':
                return self.localizer(list(feats), None, mode='tensor')
            assert data_samples is not None, f'the mode {mode!r} needs data samples'
            for sample in data_samples:  # not the mask, which would have to come back from the device
                self._check_length(sample.num_steps, f'video {sample.video_id}')
            if mode == 'loss':
                return self.localizer(list(feats), [self._pack(sample) for sample in data_samples], mode='loss')
            for sample, feat in zip(data_samples, feats, strict=True):
                sample.pred_instances = self._finish(*self._propose(feat, sample), sample)
            return data_samples

    def _check_length(self, num_steps: int, what: str) -> None:
        if num_steps != self.length:
            raise UserInputError(
                f'the localizer needs {self.length} steps of every video, {what} has {num_steps}: set '
                f"dict(type='mmdel.ResizeStreams', length={self.length}) in the pipelines, after AlignStreams"
            )

    def _features(self, inputs: StreamBatch) -> Tensor:
        """(B, C, T), what the localizer reads."""
        self._check_length(inputs.mask.shape[1], 'the batch')
        if self.backbone is not None:
            feats, _ = self.backbone(inputs)
            return torch.cat([levels[0] for levels in feats.values()], dim=1)
        streams = self.streams or list(inputs.streams)
        if (self.streams is None and len(streams) > 1) or set(streams) - set(inputs.streams):
            raise UserInputError(
                f'streams={self.streams} must name, in their order, the streams to read of {sorted(inputs.streams)}'
            )
        return inputs.concat(streams).transpose(1, 2)

    def _pack(self, sample: EventDataSample) -> BaseDataElement:
        """A data sample as MMAction2's localizers expect it: ``gt_instances.gt_bbox`` (N, 2) in parts."""
        boxes = self._to_parts(sample.gt_instances.segments)
        if not len(boxes):
            boxes = boxes.new_tensor([NO_EVENT])
        # As if one second long: their post-processing multiplies the parts by this length, which it cuts to whole
        # extraction intervals.
        interval = self.localizer.feature_extraction_interval
        metainfo = dict(video_name=sample.video_id, duration_second=1.0, duration_frame=interval)
        return BaseDataElement(metainfo=metainfo, gt_instances=InstanceData(gt_bbox=boxes))

    def _propose(self, feat: Tensor, sample: EventDataSample) -> tuple[Tensor, Tensor]:
        """The proposals of one video, features (C, T): parts (K, 2) and scores (K,)."""
        (output,) = self.localizer([feat], [self._pack(sample)], mode='predict')
        parts = feat.new_tensor([proposal['segment'] for proposal in output['proposal_list']])
        return parts.reshape(-1, 2), feat.new_tensor([proposal['score'] for proposal in output['proposal_list']])

    def _finish(self, parts: Tensor, scores: Tensor, sample: EventDataSample) -> InstanceData:
        """Proposals (K, 2), (K,), best first → detections in seconds."""
        labels = torch.zeros_like(scores, dtype=torch.long)
        if self.video_score_topk is not None:
            parts, scores, labels = fuse_video_scores(sample, parts, scores, self.video_score_topk)
        segments_sec = sample.grid.to_sec(parts * self.length - 0.5).clamp(0.0, sample.duration_sec)
        return InstanceData(segments_sec=segments_sec, scores=scores, labels=labels)

    def _to_parts(self, segments: Tensor) -> Tensor:
        """Grid times → parts, inside of the features."""
        return ((segments + 0.5) / self.length).clamp(0.0, 1.0)


def _zero_without_positives(published: Callable[..., Tensor], pred: Tensor, iou_map: Tensor, mask: Tensor) -> Tensor:
    """BMN's regression loss, which divides by the number of proposals that it samples: none without a positive."""
    has_positives = (iou_map > BMN_POSITIVE_TIOU).any()
    # Positives everywhere keep the loss and its gradient finite, so that times 0 they are 0.
    return published(pred, torch.where(has_positives, iou_map, 1.0), mask) * has_positives


@MODELS.register_module()
class MMActionTCANet(MMActionLocalizer):
    """MMAction2's TCANet (Qing et al. 2021, arXiv 2103.13141), which refines the proposals of another model.

    The samples have ``proposals`` (``LoadProposals``). The published class (1.2.0) is completed in two places:

    - Its loss compares the k-th proposal with the k-th event of the video. As in the paper's own code, the k-th
      ``gt_bbox`` given to it is the event that the k-th proposal overlaps most.
    - Its ``predict`` overwrites the proposals' scores by the video's number in the batch, hence by zero. Here its
      three regressors are called in the same way with the scores kept; the score of a refined proposal is the score of
      the proposal times the predicted tIoU, and the proposals of all three stages are suppressed together.

    Args:
        nms: Config of the suppression, which ``localizer`` itself then does not use.
        kwargs: Of :class:`MMActionLocalizer`.
    """

    def __init__(
        self,
        localizer: dict,
        nms: dict = dict(type='mmdel.SegmentNMS', sigma=0.4, min_score=0.0, max_num=100, class_aware=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(localizer, **kwargs)
        self.nms = TASK_UTILS.build(nms)

    @property
    def length(self) -> int:
        """The number of steps T of every video."""
        return self.localizer.lgtes[0].mask.shape[-1]

    def _pack(self, sample: EventDataSample) -> BaseDataElement:
        """With ``proposals.proposals`` (K, 3), parts and score, and ``gt_instances.gt_bbox`` (K, 2), one for each."""
        packed = super()._pack(sample)
        boxes, proposals = packed.gt_instances.gt_bbox, self._proposals(sample).to(packed.gt_instances.gt_bbox)
        best = segment_iou(proposals[:, None, :2], boxes).argmax(1)
        packed.gt_instances = InstanceData(gt_bbox=boxes[best])
        packed.proposals = InstanceData(proposals=proposals)
        return packed

    def _proposals(self, sample: EventDataSample) -> Tensor:
        """(K, 3): parts and score; the whole video with score 0 if there is none."""
        if 'proposals' not in sample:
            raise UserInputError(f'video {sample.video_id} has no proposals; add mmdel.LoadProposals to the pipeline')
        parts = self._to_parts(sample.grid.to_grid(sample.proposals.segments_sec))
        proposals = torch.cat([parts, sample.proposals.scores[:, None]], dim=1)
        return proposals if parts.any() else proposals.new_tensor([WHOLE_VIDEO])

    def _propose(self, feat: Tensor, sample: EventDataSample) -> tuple[Tensor, Tensor]:
        parts, scores = self._proposals(sample).to(feat).split([2, 1], dim=1)
        feats = self.localizer([feat], None, mode='tensor').expand(len(parts), -1, -1)
        stages = []
        for regress in (self.localizer.tbr1, self.localizer.tbr2, self.localizer.tbr3):
            iou, parts = regress(parts, feats, gt_boxes=None, iou_thres=None, training=False)[:2]
            stages.append((parts, scores[:, 0] * iou))
        parts, scores = (torch.cat(items).clamp(0.0, 1.0) for items in zip(*stages, strict=True))
        ((parts, scores, _),) = self.nms(parts[None], scores[None], torch.zeros_like(scores, dtype=torch.long)[None])
        return parts, scores
