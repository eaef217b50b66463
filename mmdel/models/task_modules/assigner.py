"""Which point learns which event.

Shapes: B videos, P points, N events (padded), C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdel.models.task_modules.point_generator import Points
from mmdel.registry import TASK_UTILS

TIE_TOLERANCE_GRID = 1e-3


class PointTargets(NamedTuple):
    """What each point shall predict; R = C for class-aware regression, else 1.

    Attributes:
        labels: (B, P, C) bool, the classes of the point.
        segments: (B, P, R, 2) float32, the event to regress, in grid steps; arbitrary where not positive.
        positive: (B, P, R) bool, where there is an event to regress.
    """

    labels: Tensor
    segments: Tensor
    positive: Tensor


@TASK_UTILS.register_module()
class PointAssigner:
    """Assigns events to the points inside them whose level has the event's size (FCOS, Tian et al. 2019, in time).

    A point qualifies for an event if it lies inside it, ends included, and within ``center_sampling_radius`` strides
    of its centre, and the larger of its distances to the two ends lies in its level's range, ends included.

    - Class-aware: each class of a point learns, of the qualifying events of that class, the shortest.
    - Class-agnostic: a point learns the shortest qualifying event, with the labels of all that are no more than a
      thousandth of a grid step longer.

    Args:
        num_classes: C.
        class_aware: Whether each class has a regression of its own.
        center_sampling_radius: In strides of the level; None = the whole event.
    """

    def __init__(
        self, num_classes: int, class_aware: bool = False, center_sampling_radius: float | None = None
    ) -> None:
        self.num_classes = num_classes
        self.class_aware = class_aware
        self.center_sampling_radius = center_sampling_radius

    @torch.no_grad()
    def __call__(self, points: Points, segments: Tensor, labels: Tensor, valid: Tensor) -> PointTargets:
        """Events ``segments`` (B, N, 2) in grid steps, ``labels`` (B, N), ``valid`` (B, N) → targets.

        Padded events may carry any numbers, their labels any in [0, C).
        """
        if segments.shape[1] == 0:
            segments, labels = segments.new_zeros(len(segments), 1, 2), labels.new_zeros(len(labels), 1)
            valid = valid.new_zeros(len(valid), 1)
        lengths = (segments[..., 1] - segments[..., 0]).masked_fill(~valid, float('inf'))
        # Shortest first: the winner among qualifying events is then the one of lowest rank.
        lengths, order = lengths.sort(dim=1, stable=True)
        segments = segments.gather(1, order[..., None].expand(-1, -1, 2))
        labels, valid = labels.gather(1, order), valid.gather(1, order)
        qualifies = self.qualifies(points, segments) & valid[:, None]
        if self.class_aware:
            return self._per_class(qualifies, segments, labels)
        return self._shortest(qualifies, segments, labels, lengths)

    def qualifies(self, points: Points, segments: Tensor) -> Tensor:
        """Which points qualify for which events (B, N, 2), whoever else does: (B, P, N) bool."""
        times = points.times[:, None]
        start, end = segments[:, None].unbind(-1)
        low, high = start, end
        if self.center_sampling_radius is not None:
            center = (start + end) / 2
            reach = self.center_sampling_radius * points.strides[:, None]
            low, high = torch.maximum(low, center - reach), torch.minimum(high, center + reach)
        distance = torch.maximum(times - start, end - times)
        in_range = (distance >= points.ranges[:, :1]) & (distance <= points.ranges[:, 1:])
        return (times >= low) & (times <= high) & in_range

    def _per_class(self, qualifies: Tensor, segments: Tensor, labels: Tensor) -> PointTargets:
        batch, num_points, num_events = qualifies.shape
        rank = torch.arange(num_events, device=labels.device).masked_fill(~qualifies, num_events)
        winner = rank.new_full((batch, num_points, self.num_classes), num_events)
        winner = winner.scatter_reduce(2, labels[:, None].expand_as(rank), rank, 'amin')
        positive = winner < num_events
        chosen = winner.clamp(max=num_events - 1).flatten(1)[..., None].expand(-1, -1, 2)
        return PointTargets(positive, segments.gather(1, chosen).unflatten(1, positive.shape[1:]), positive)

    def _shortest(self, qualifies: Tensor, segments: Tensor, labels: Tensor, lengths: Tensor) -> PointTargets:
        num_events = qualifies.shape[2]
        rank = torch.arange(num_events, device=labels.device).masked_fill(~qualifies, num_events)
        winner = rank.amin(2)  # (B, P)
        positive = winner < num_events
        winner = winner.clamp(max=num_events - 1)
        limit = lengths.gather(1, winner) + TIE_TOLERANCE_GRID
        tied = qualifies & (lengths[:, None] <= limit[..., None])
        one_hot = F.one_hot(labels, self.num_classes).to(lengths.dtype)
        point_labels = tied.to(lengths.dtype) @ one_hot > 0
        chosen = segments.gather(1, winner[..., None].expand(-1, -1, 2))
        return PointTargets(point_labels, chosen[:, :, None], positive[..., None])
