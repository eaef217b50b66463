"""Which classes are active at a step: read from the data samples of mmdel or of a stock MMAction2 model.

Shapes: B videos, T steps, N events of the video that has most, C classes; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmdel.structures import in_ignored_events


def labels_from_segments(samples: Sequence[BaseDataElement], mask: Tensor, num_classes: int) -> Tensor:
    """``gt_instances.segments`` (N, 2) in steps and ``gt_instances.labels`` (N,) → (B, T, C) bool."""
    segments = [sample.gt_instances.segments for sample in samples]
    classes = [sample.gt_instances.labels for sample in samples]
    return _mark(segments, classes, mask, num_classes)


def labels_from_boxes(samples: Sequence[BaseDataElement], mask: Tensor, num_classes: int) -> Tensor:
    """``gt_instances.gt_bbox`` (N, 2) in parts of the video, all of class 0 → (B, T, C) bool.

    Step t of a video of T steps is the part from t / T to (t + 1) / T; its time is the middle of it.
    """
    boxes = [torch.as_tensor(sample.gt_instances.gt_bbox).to(mask.device) for sample in samples]
    segments = [box * num_steps - 0.5 for box, num_steps in zip(boxes, mask.sum(1), strict=True)]
    classes = [box.new_zeros(len(box), dtype=torch.long) for box in boxes]
    return _mark(segments, classes, mask, num_classes)


def labels_from_videos(samples: Sequence[BaseDataElement], mask: Tensor, num_classes: int) -> Tensor:
    """``gt_label``, class indices or one float a class, of the whole video → (B, T, C) bool."""
    rows = []
    for sample in samples:
        label = sample.gt_label.to(mask.device)
        if label.is_floating_point():
            rows.append(label > 0.5)
        else:
            rows.append((label[:, None] == torch.arange(num_classes, device=mask.device)).any(0))
    return torch.stack(rows)[:, None] & mask[..., None]


LABEL_READERS: dict[str, Callable[[Sequence[BaseDataElement], Tensor, int], Tensor]] = {
    'segments': labels_from_segments,
    'gt_bbox': labels_from_boxes,
    'gt_label': labels_from_videos,
}


def known_steps(samples: Sequence[BaseDataElement], mask: Tensor, active: Tensor) -> Tensor:
    """Valid steps (B, T) but those of an ignored event that are not ``active`` (B, T), in a true one."""
    steps = torch.arange(mask.shape[1], device=mask.device, dtype=torch.float32)
    return mask & (active | ~in_ignored_events(samples, steps))


def steps_of_segments(segments: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Segments (N_i, 2) in steps of each video, valid steps (B, T) → the steps of each event, (B, T, N) bool.

    They are those from round(start) to round(end), whose cell [t − ½, t + ½] the event meets, so that an event shorter
    than a step still has one; an event beyond the first or last valid step has that one. Events that a video has fewer
    than another have none.
    """
    last_step = (mask.sum(1) - 1).clamp(min=0)[:, None, None]  # (B, 1, 1)
    padded = pad_sequence(list(segments), batch_first=True, padding_value=math.nan).to(mask.device)
    bounds = torch.minimum(padded.round().clamp(min=0), last_step)  # (B, N, 2)
    steps = torch.arange(mask.shape[1], device=mask.device)[:, None]
    return (bounds[:, None, :, 0] <= steps) & (steps <= bounds[:, None, :, 1]) & mask[..., None]


def _mark(segments: list[Tensor], classes: list[Tensor], mask: Tensor, num_classes: int) -> Tensor:
    """Segments (N_i, 2) in steps, classes (N_i,) → (B, T, C) bool."""
    padded_classes = pad_sequence(classes, batch_first=True, padding_value=-1).to(mask.device)
    of_class = padded_classes[..., None] == torch.arange(num_classes, device=mask.device)  # (B, N, C)
    return steps_of_segments(segments, mask).float() @ of_class.float() > 0
