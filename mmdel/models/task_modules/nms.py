"""Non-maximum suppression of segments, batched over videos and classes.

B videos, K candidates each.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mmdel.registry import TASK_UTILS
from mmdel.structures import EventDataSample
from mmdel.utils.errors import UserInputError
from mmdel.utils.suppression import SuppressionSettings, suppress


@TASK_UTILS.register_module()
class SegmentNMS(SuppressionSettings):
    """Greedy suppression of overlapping segments: hard NMS or soft-NMS, with optional segment voting.

    Again and again the best remaining candidate of a group is kept, and the score of every other candidate of that
    group is multiplied by a weight that falls with their tIoU: ``exp(-tIoU^2 / sigma)`` ('soft_gaussian'), ``1 - tIoU``
    from ``iou_threshold`` on ('soft_linear', both after Bodla et al. 2017), 0 from ``iou_threshold`` on ('hard'). A
    candidate whose score is below ``min_score``, at first or after the decay, is removed. This is what ActionFormer's
    compiled loop computes for one video and class; here all groups advance in lockstep, none for more than ``max_num``
    rounds, as its scores can only fall, or the best of all groups goes first. It is done on the CPU, for every device;
    a long video, of more than 10,000 candidates, in time in proportion to its length: see
    :mod:`mmdel.utils.suppression`.

    Segment voting replaces each kept segment by the mean of the original candidates of its group with
    ``tIoU >= voting_threshold``, weighted by their original scores.

    Of equal scores the one with the higher original score goes first, then the one that comes first in the input.

    Args:
        method: 'soft_gaussian', 'soft_linear', 'hard', or None: threshold and sort only.
        sigma: Width of the Gaussian decay, > 0.
        iou_threshold: tIoU from which 'soft_linear' decays and 'hard' removes.
        min_score: Candidates below it are removed.
        max_num: At most so many are kept for each video, of a long one in windows for each window.
        class_aware: Only candidates of one class compete (and vote); otherwise all of a video.
        voting_threshold: tIoU from which a candidate votes; None for no voting.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def most(self, num_windows: float = 1.0) -> int:
        """The most that is kept of a video of so many windows."""
        return math.ceil(self.max_num * num_windows)

    @torch.no_grad()
    def __call__(
        self, segments: Tensor, scores: Tensor, labels: Tensor, *, num_windows: float = 1.0
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Suppress the candidates of a batch of videos.

        Args:
            segments: (B, K, 2) in any unit.
            scores: (B, K); an entry <= 0 or not finite is padding, whatever its segment and label.
            labels: (B, K) class numbers >= 0.
            num_windows: How many times ``max_num`` may be kept of each video.

        Returns:
            For each video its segments (k, 2), scores (k,) and labels (k,), by descending score, ``k <= max_num``; on
            the device that the candidates are on.

        Raises:
            ValueError: If the shapes do not fit together.
        """
        _check_shapes(segments, scores, labels)
        dtype = torch.promote_types(torch.promote_types(segments.dtype, scores.dtype), torch.float32)
        all_segments, all_scores, all_labels = (x.cpu().numpy() for x in (segments.to(dtype), scores.to(dtype), labels))
        results, max_num = [], self.most(num_windows)
        for times, values, classes in zip(all_segments, all_scores, all_labels, strict=True):
            kept, *found = suppress(times, values, classes, self, max_num)
            found.append(classes[kept])
            kept_segments, kept_scores, kept_labels = (torch.from_numpy(x).to(scores.device) for x in found)
            results.append((kept_segments, kept_scores, kept_labels))
        return results


def fuse_video_scores(
    sample: EventDataSample, segments: Tensor, scores: Tensor, topk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Gives the events of a video classes by class scores of the whole video, from an external classifier.

    Each event is repeated for each of the best ``topk`` classes of the video. Its score becomes the geometric mean
    ``sqrt(score * video_score)``, as usual on ActivityNet.

    Args:
        sample: The video, with ``video_scores`` (C,), probabilities.
        segments: (K, 2).
        scores: (K,), >= 0.
        topk: Classes that each event takes.

    Returns:
        Segments (topk · K, 2), scores (topk · K,) descending and labels (topk · K,).

    Raises:
        UserInputError: If the sample has no ``video_scores``, or ``topk`` is not in [1, C].
    """
    needed = f'video {sample.video_id}: video_score_topk={topk} needs'
    if 'video_scores' not in sample:
        raise UserInputError(f'{needed} class scores of the video; add mmdel.LoadVideoScores to the pipeline')
    video_scores = sample.video_scores.to(scores)
    if not 1 <= topk <= len(video_scores):
        raise UserInputError(
            f'{needed} at least as many classes, and 1 or more; the video has scores of {len(video_scores)}'
        )
    best, classes = video_scores.topk(topk)
    fused, order = (best[:, None] * scores).sqrt().flatten().sort(descending=True, stable=True)
    return segments.repeat(topk, 1)[order], fused, classes.repeat_interleave(len(scores))[order]


def _check_shapes(segments: Tensor, scores: Tensor, labels: Tensor) -> None:
    """Refuses candidates whose three tensors do not agree on B and K."""
    if scores.ndim != 2 or segments.shape != (*scores.shape, 2) or labels.shape != scores.shape:
        raise ValueError(
            'candidates must be segments (B, K, 2), scores (B, K) and labels (B, K), got '
            f'{tuple(segments.shape)}, {tuple(scores.shape)} and {tuple(labels.shape)}'
        )
