"""What travels with a video through the model: its identity, its true events, its predicted events."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmdel.structures.segments import inside_any


class EventDataSample(BaseDataElement):
    """The data sample of every mmdel detector.

    Meta information (``sample.video_id`` …):

    - ``video_id`` (str), ``duration_sec`` (float), ``num_steps`` (int, valid feature steps T of this sample)
    - ``grid`` (:class:`FeatureGrid`): maps the sample's grid times to seconds and back

    Fields, each an :class:`mmengine.structures.InstanceData`:

    - ``gt_instances``: ``segments`` (N, 2) float32 tensor in grid steps of this (possibly cropped) sample;
      ``labels`` (N,) int64. What the losses read.
    - ``ignored_instances``: ``segments`` (M, 2) float32 tensor in the same steps, of the ignored events. Steps in them
      that lie in no true event teach nothing.
    - ``eval_instances``: the whole video's truth as annotated, never cropped: ``segments_sec`` (N, 2) float64 numpy
      array in seconds; ``labels`` (N,) int64 numpy array; ``ignored`` (N,) bool numpy array. What the metrics read.
    - ``pred_instances``: ``segments_sec`` (K, 2) float32 tensor in seconds, clipped to [0, duration_sec];
      ``scores`` (K,) in [0, 1], descending; ``labels`` (K,) int64.

    and, where ``LoadVideoScores`` put them, ``video_scores`` (C,) float32: class scores of the whole video; where
    ``LoadProposals`` put them, ``proposals``: ``segments_sec`` (K, 2) float32 and ``scores`` (K,), best first.
    """


def in_ignored_events(samples: Sequence[BaseDataElement], times: Tensor) -> Tensor:
    """Whether grid times (P,) lie in an ignored event of each of B samples, (B, P) bool; samples may know of none."""
    none = times.new_zeros(0, 2)
    segments = [sample.ignored_instances.segments if 'ignored_instances' in sample else none for sample in samples]
    return inside_any(times, pad_sequence(segments, batch_first=True, padding_value=math.nan))
