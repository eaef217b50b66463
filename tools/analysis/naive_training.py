"""The losses of DEL and what follows its network, video by video, event by event, class by class.

The other half of :mod:`naive_del`. Formulas: focal loss (Lin et al. 2017, arXiv 1708.02002), distance IoU (Zheng et al.
2020, arXiv 1911.08287), InfoNCE (van den Oord et al. 2018, arXiv 1807.03748), soft-NMS (Bodla et al. 2017, arXiv
1704.04503). Shapes as there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from naive_del import NaiveDEL, videos_of
from torch import Tensor

from mmdel.models.losses import ScoreContrastiveLoss
from mmdel.structures import EventDataSample, StreamBatch

CONTRAST = 'score_contrastive.loss'  # where the hook puts the loss


def training_loss(naive: NaiveDEL, inputs: StreamBatch, samples: Sequence[EventDataSample]) -> Tensor:
    """The sum of all losses of a batch; while ``naive.training``, the average number of positives moves."""
    aligned = [naive.align(streams) for streams in videos_of(inputs)]
    outputs = [naive.detect(streams) for streams, _ in aligned]
    lengths = [len(streams[naive.streams[0]]) for streams, _ in aligned]
    targets = [
        assign(naive, length, *outputs[index], samples[index].gt_instances) for index, length in enumerate(lengths)
    ]
    head = naive.model.head
    if naive.training:
        num_positive = torch.stack([positive.sum() for _, _, positive in targets]).sum().clamp(min=1.0)
        naive.normalizer = 0.9 * naive.normalizer + 0.1 * num_positive
    total = torch.zeros((), device=inputs.mask.device)
    for length, (cls_logits, offsets), (labels, segments, positive) in zip(lengths, outputs, targets, strict=True):
        total = total + head.loss_cls.loss_weight * focal(cls_logits, labels).sum() / naive.normalizer
        times, strides, _ = points_of(naive, length, offsets.device)
        predicted = segments_of(times[:, None], strides[:, None], offsets)[positive]
        total = total + head.loss_reg.loss_weight * diou(predicted, segments[positive]).sum() / naive.normalizer
    if hasattr(naive.model, 'score_contrastive'):
        total = total + contrast(naive, aligned, samples)
    return total


def points_of(naive: NaiveDEL, num_steps: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Times (P,), strides (P,) and ranges (P, 2) of the points of a video."""
    times, strides, ranges = [], [], []
    for level, bounds in enumerate(naive.model.head.point_generator.regress_ranges):
        level_times = torch.arange(0, num_steps, 2**level, device=device, dtype=torch.float32)
        times.append(level_times)
        strides.append(torch.full_like(level_times, 2**level))
        ranges.append(torch.tensor([bounds], device=device).expand(len(level_times), -1))
    return torch.cat(times), torch.cat(strides), torch.cat(ranges)


def segments_of(times: Tensor, strides: Tensor, offsets: Tensor) -> Tensor:
    """(…, 2) from points and the distances to both ends, in strides."""
    return torch.stack([times - offsets[..., 0] * strides, times + offsets[..., 1] * strides], dim=-1)


def assign(
    naive: NaiveDEL, num_steps: int, cls_logits: Tensor, offsets: Tensor, events: InstanceData
) -> tuple[Tensor, Tensor, Tensor]:
    """Labels (P, C), segments (P, R, 2) and where there are such (P, R), event by event, the shortest last."""
    times, strides, ranges = points_of(naive, num_steps, offsets.device)
    settings = naive.model.head.assigner
    labels, segments = torch.zeros_like(cls_logits), torch.zeros_like(offsets)
    positive = torch.zeros(offsets.shape[:2], dtype=torch.bool, device=offsets.device)
    shortest = torch.full_like(times, math.inf)
    lengths = (events.segments[:, 1] - events.segments[:, 0]).tolist()
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        (start, end), label = events.segments[index], events.labels[index]
        low, high = start, end
        if settings.center_sampling_radius is not None:
            reach, centre = settings.center_sampling_radius * strides, (start + end) / 2
            low, high = torch.maximum(start, centre - reach), torch.minimum(end, centre + reach)
        far = torch.maximum(times - start, end - times)
        chosen = (low <= times) & (times <= high) & (ranges[:, 0] <= far) & (far <= ranges[:, 1])
        if settings.class_aware:
            place = label
        else:
            labels[chosen & (lengths[index] < shortest - 1e-3)] = 0.0
            place = 0
        shortest[chosen] = lengths[index]
        labels[chosen, label] = 1.0
        segments[chosen, place] = events.segments[index]
        positive[chosen, place] = True
    return labels, segments, positive


def focal(logits: Tensor, targets: Tensor) -> Tensor:
    """Element by element, α = 0.25, γ = 2."""
    scores = logits.sigmoid()
    right = scores * targets + (1 - scores) * (1 - targets)
    weight = 0.25 * targets + 0.75 * (1 - targets)
    return weight * (1 - right) ** 2 * F.binary_cross_entropy_with_logits(logits, targets, reduction='none')


def diou(predicted: Tensor, true: Tensor) -> Tensor:
    """1 − DIoU of pairs of segments (n, 2)."""
    common = (torch.minimum(predicted[:, 1], true[:, 1]) - torch.maximum(predicted[:, 0], true[:, 0])).clamp(min=0)
    union = predicted[:, 1] - predicted[:, 0] + true[:, 1] - true[:, 0] - common
    hull = torch.maximum(predicted[:, 1], true[:, 1]) - torch.minimum(predicted[:, 0], true[:, 0])
    distance = (predicted.sum(1) - true.sum(1)) / 2
    return 1 - common / union + (distance / hull) ** 2


def contrast(naive: NaiveDEL, aligned: list, samples: Sequence[EventDataSample]) -> Tensor:
    """The terms of the contrastive loss, class by class."""
    loss = naive.model.get_submodule(CONTRAST)
    scale = naive.parameters[f'{CONTRAST}.logit_scale'].exp()
    num_steps = sum(len(streams[naive.streams[0]]) for streams, _ in aligned)
    total, pairs = scale * 0, []
    vectors: dict[str, list[Tensor]] = {name: [] for name in naive.streams}
    for (streams, cls), sample in zip(aligned, samples, strict=True):
        active = active_classes(sample.gt_instances, len(streams[naive.streams[0]]), loss.num_classes, scale.device)
        found = {}
        for name in naive.streams:
            scores = naive.linear(streams[name], f'{CONTRAST}.score_heads.{name}')[:, 0]
            classes = naive.linear(streams[name], f'{CONTRAST}.class_heads.{name}')
            total = total + loss.score_weight * focal(scores, active.any(1).float()).sum() / num_steps
            total = total + loss.token_cls_weight * focal(classes, active.float()).sum() / num_steps
            weight = naive.parameters[f'{CONTRAST}.projections.{name}.weight']
            found[name] = scores, classes, streams[name] @ weight.T
            vectors[name].append(F.normalize(cls[name] @ weight.T, dim=0))
        for label in active.any(0).nonzero()[:, 0].tolist():
            pairs.append(pair_loss(found, active[:, label], label, loss, scale))
    if pairs:
        total = total + loss.intra_weight * torch.stack(pairs).mean()
    first, second = (torch.stack(vectors[name]) for name in naive.streams)
    logits, target = scale * first @ second.T, torch.arange(len(first), device=scale.device)
    inter = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    return total + loss.inter_weight * inter


def active_classes(events: InstanceData, num_steps: int, num_classes: int, device: torch.device) -> Tensor:
    """Which classes are active at a step (T, C) bool: from round(start) to round(end) of each event."""
    active = torch.zeros(num_steps, num_classes, dtype=torch.bool, device=device)
    for (start, end), label in zip(events.segments.tolist(), events.labels.tolist(), strict=True):
        first, last = (min(max(round(time), 0), num_steps - 1) for time in (start, end))
        active[first : last + 1, label] = True
    return active


def pair_loss(found: dict, active: Tensor, label: int, loss: ScoreContrastiveLoss, scale: Tensor) -> Tensor:
    """InfoNCE of a video and a class, active at (T,) steps, mean of the streams."""
    prototypes = {
        name: F.normalize(scores[active].softmax(0) @ projected[active], dim=0)
        for name, (scores, _, projected) in found.items()
    }
    first, second = prototypes.values()
    positive, terms = scale * (first @ second), []
    steps = active.nonzero()[:, 0]
    for name, (scores, classes, projected) in found.items():
        distance = (torch.arange(len(active), device=active.device)[:, None] - steps).abs().amin(1)
        far = (distance > loss.dilation).nonzero()[:, 0]
        taken = classes[far].argmax(1) == label
        rank = torch.where(taken, 1 + scores[far].sigmoid(), classes[far, label].sigmoid())
        best = far[rank.argsort(descending=True)[: max(1, len(active) // loss.negative_divisor)]]
        negatives = scale * F.normalize(projected[best], dim=1) @ prototypes[name]
        terms.append(torch.cat([positive[None], negatives]).logsumexp(0) - positive)
    return torch.stack(terms).mean()


@torch.no_grad()
def decode(naive: NaiveDEL, cls_logits: Tensor, offsets: Tensor, num_steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """The candidates of one video: segments (K, 2) in steps, scores (K,), labels (K,)."""
    head = naive.model.head
    scores, flat = cls_logits.sigmoid().flatten().sort(descending=True)
    scores, flat = scores[: head.pre_nms_num], flat[: head.pre_nms_num]
    point, label = flat // cls_logits.shape[1], flat % cls_logits.shape[1]
    times, strides, _ = points_of(naive, num_steps, offsets.device)
    place = label if offsets.shape[1] > 1 else 0
    segments = segments_of(times[point], strides[point], offsets[point, place])
    keep = (scores > head.pre_nms_score) & (segments[:, 1] - segments[:, 0] > head.min_length)
    return segments[keep], scores[keep], label[keep]


def suppress(
    naive: NaiveDEL, segments: Tensor, scores: Tensor, labels: Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Soft-NMS of one video, class by class: the kept segments (k, 2), scores (k,) and labels (k,)."""
    nms = naive.model.head.nms
    all_segments, all_scores, all_labels = (x.cpu().numpy() for x in (segments, scores, labels))
    kept = []
    for label in np.unique(all_labels):
        starts, ends = all_segments[all_labels == label].T
        left = all_scores[all_labels == label].copy()
        while left.max() >= nms.min_score:
            best = left.argmax()
            kept.append((starts[best], ends[best], left[best], label))
            common = np.clip(np.minimum(ends, ends[best]) - np.maximum(starts, starts[best]), 0, None)
            union = ends - starts + ends[best] - starts[best] - common
            left *= np.exp(-((common / union) ** 2) / nms.sigma)
            left[best] = 0.0
    table = np.array(sorted(kept, key=lambda row: -row[2])[: nms.max_num]).reshape(-1, 4)
    return table[:, :2], table[:, 2], table[:, 3].astype(int)
