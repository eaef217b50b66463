"""Non-maximum suppression of segments, batched over videos and classes, in plain torch.

B videos, K candidates each, N candidates of all videos that pass the threshold, G groups of candidates that compete
(one per video and class), W the largest group.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mmdel.registry import TASK_UTILS
from mmdel.structures import EventDataSample, segment_iou
from mmdel.utils.errors import UserInputError
from mmdel.utils.long_suppression import SegmentIndex, suppress_best_first, vote_near

METHODS = ('soft_gaussian', 'soft_linear', 'hard', None)
ROUNDS_PER_COMPACTION = 8
VOTING_CHUNK_PAIRS = 2**24
MANY = 10_000  # candidates of a video, from which the best of all goes first and not the best of each group


@TASK_UTILS.register_module()
class SegmentNMS:
    """Greedy suppression of overlapping segments: hard NMS or soft-NMS, with optional segment voting.

    Again and again the best remaining candidate of a group is kept, and the score of every other candidate of that
    group is multiplied by a weight that falls with their tIoU: ``exp(-tIoU^2 / sigma)`` ('soft_gaussian'), ``1 - tIoU``
    from ``iou_threshold`` on ('soft_linear', both after Bodla et al. 2017), 0 from ``iou_threshold`` on ('hard'). A
    candidate whose score is below ``min_score``, at first or after the decay, is removed. This is what ActionFormer's
    compiled loop computes for one video and class; here all groups advance in lockstep, and no group runs for more than
    ``max_num`` rounds, as its scores can only fall. A long video, of more than 10,000 candidates, is suppressed on the
    CPU, in time in proportion to its length: see :mod:`~mmdel.utils.long_suppression`.

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

    def __init__(
        self,
        method: str | None = 'soft_gaussian',
        sigma: float = 0.5,
        iou_threshold: float = 0.1,
        min_score: float = 0.001,
        max_num: int = 200,
        class_aware: bool = True,
        voting_threshold: float | None = None,
    ) -> None:
        if method not in METHODS:
            raise ValueError(f'method of SegmentNMS must be one of {METHODS}, got {method!r}')
        if not sigma > 0:
            raise ValueError(f'sigma of SegmentNMS must be positive, got {sigma!r}')
        if not max_num > 0:
            raise ValueError(f'max_num of SegmentNMS must be positive, got {max_num!r}')
        for name, value in (('iou_threshold', iou_threshold), ('voting_threshold', voting_threshold)):
            if value is not None and not 0 < value <= 1:
                raise ValueError(f'{name} of SegmentNMS must lie in (0, 1], got {value!r}')
        self.method = method
        self.sigma = sigma
        self.iou_threshold = iou_threshold
        self.min_score = min_score
        self.max_num = max_num
        self.class_aware = class_aware
        self.voting_threshold = voting_threshold

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
            For each video its segments (k, 2), scores (k,) and labels (k,), by descending score, ``k <= max_num``.

        Raises:
            ValueError: If the shapes do not fit together.
        """
        num_videos, num_candidates = _check_shapes(segments, scores, labels)
        max_num = self.most(num_windows)
        dtype = torch.promote_types(torch.promote_types(segments.dtype, scores.dtype), torch.float32)
        segments, scores = segments.to(dtype), scores.to(dtype)
        valid = (scores > 0) & scores.isfinite() & segments.isfinite().all(-1)
        index = torch.nonzero(valid.flatten()).squeeze(1)
        index = index[torch.argsort(scores.flatten()[index], descending=True, stable=True)]
        video = index // max(num_candidates, 1)
        segments, scores, labels = segments.flatten(0, 1)[index], scores.flatten()[index], labels.flatten()[index]
        groups = video * (labels.max() + 1) + labels if self.class_aware and len(labels) else video
        if num_candidates > MANY:
            rows = [video == row for row in range(num_videos)]
            return [self._suppress_many(segments[x], scores[x], labels[x], groups[x], max_num) for x in rows]

        kept_scores = self._suppress(segments, scores, groups, video, max_num)
        kept, counts = _by_video(kept_scores, video, num_videos)
        rank = torch.arange(len(kept), device=kept.device) - (counts.cumsum(0) - counts)[video[kept]]
        kept = kept[rank < max_num]

        kept_segments = segments[kept]
        if self.voting_threshold is not None and len(kept):
            kept_segments = self._vote(self.voting_threshold, kept_segments, groups[kept], segments, scores, groups)
        sizes = counts.clamp(max=max_num).tolist()
        return list(
            zip(kept_segments.split(sizes), kept_scores[kept].split(sizes), labels[kept].split(sizes), strict=True)
        )

    def _suppress_many(
        self, segments: Tensor, scores: Tensor, labels: Tensor, groups: Tensor, max_num: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One video's candidates (N, 2), (N,), (N,), by descending score, and their groups (N,) → what is kept."""
        times, values = segments.double().cpu().numpy(), scores.double().cpu().numpy()
        index = SegmentIndex(times, groups.cpu().numpy())
        if self.method is None:
            kept = np.flatnonzero(values >= self.min_score)[:max_num]
            kept_scores = values[kept]
        else:
            kept, kept_scores = suppress_best_first(index, values, self._weigh, self.min_score, max_num)
        kept_times = times[kept]
        if self.voting_threshold is not None:
            kept_times = vote_near(index, times, values, kept, self.voting_threshold)
        return (
            torch.from_numpy(kept_times).to(segments),
            torch.from_numpy(kept_scores).to(scores),
            labels[torch.from_numpy(kept).to(labels.device)],
        )

    def _weigh(self, tiou: np.ndarray) -> np.ndarray:
        """What is left of scores, by their tIoU with what was kept."""
        if self.method == 'soft_gaussian':
            return np.exp(tiou * tiou / -self.sigma)
        return np.where(tiou >= self.iou_threshold, 1 - tiou if self.method == 'soft_linear' else 0.0, 1.0)

    def _suppress(self, segments: Tensor, scores: Tensor, groups: Tensor, video: Tensor, max_num: int) -> Tensor:
        """The score with which each candidate (N,), given by descending score, is kept; 0 if it is not."""
        scores = scores * (scores >= self.min_score)
        if self.method is None or not len(scores):
            return scores
        order = torch.argsort(groups, stable=True)
        counts = torch.unique_consecutive(groups[order], return_counts=True)[1]
        starts = counts.cumsum(0) - counts
        kept = torch.zeros_like(scores)
        # Groups of like size share a padded table, so that one crowded class does not widen the rows of all others.
        size_class = counts.clamp(min=8).sub(1).float().log2().floor().long()
        for size in size_class.unique().tolist():
            rows = size_class == size
            column = torch.arange(int(counts[rows].max()), device=scores.device)
            filled = column < counts[rows, None]
            table = order[(starts[rows, None] + column).clamp(max=len(order) - 1)]
            self._suppress_table(segments[table], scores[table] * filled, table, kept, video, max_num)
        return kept

    def _suppress_table(
        self, segments: Tensor, scores: Tensor, table: Tensor, kept: Tensor, video: Tensor, max_num: int
    ) -> None:
        """Suppress groups side by side and write the final scores to ``kept``.

        Args:
            segments: (G, W, 2).
            scores: (G, W), 0 = padding; each row by descending score.
            table: (G, W) place of each candidate in ``kept``.
            kept: (N,) written at the places of the candidates that are kept.
            video: (N,) whose candidates they are.
            max_num: Most that are kept of a video.
        """
        starts, ends = segments.unbind(-1)
        picked_places: list[Tensor] = []
        picked_scores: list[Tensor] = []
        for round_ in range(min(max_num, scores.shape[1])):
            if round_ % ROUNDS_PER_COMPACTION == 0 and round_:
                self._write(kept, picked_places, picked_scores)
                floor = _nth_best(kept, video, max_num)  # what falls below cannot be among a video's best any more
                alive = (scores >= self.min_score) & (scores >= floor[video[table[:, :1]]])
                width = int(alive.sum(1).max())
                if not width:
                    return
                rows = alive.any(1)
                front = torch.argsort(~alive[rows], dim=1, stable=True)[:, :width]
                starts, ends, scores, table = (x[rows].gather(1, front) for x in (starts, ends, scores, table))
            best, column = scores.max(1, keepdim=True)
            picked_places.append(table.gather(1, column).squeeze(1))
            picked_scores.append(best.squeeze(1))
            scores = self._decay(scores, starts, ends, column).scatter_(1, column, 0.0)
        self._write(kept, picked_places, picked_scores)

    def _write(self, kept: Tensor, picked_places: list[Tensor], picked_scores: list[Tensor]) -> None:
        """Writes the scores of candidates that were picked to ``kept`` (N,), and empties the lists."""
        places, values = torch.cat(picked_places), torch.cat(picked_scores)
        valid = (values >= self.min_score) & (values > 0)  # in a row that is empty padding is picked
        kept[places[valid]] = values[valid]
        picked_places.clear()
        picked_scores.clear()

    def _decay(self, scores: Tensor, starts: Tensor, ends: Tensor, column: Tensor) -> Tensor:
        """Scores (G, W) after the candidates at ``column`` (G, 1) were kept."""
        start, end = starts.gather(1, column), ends.gather(1, column)
        intersection = torch.minimum(ends, end).sub_(torch.maximum(starts, start)).clamp_(min=0)
        union = (ends - starts).clamp_(min=0).add_((end - start).clamp_(min=0)).sub_(intersection)
        iou = intersection.div_(union.clamp_(min=torch.finfo(union.dtype).tiny))
        if self.method == 'soft_gaussian':
            return iou.square_().div_(-self.sigma).exp_().mul_(scores)
        weight = 1 - iou if self.method == 'soft_linear' else torch.zeros_like(iou)
        return torch.where(iou >= self.iou_threshold, weight * scores, scores)

    @staticmethod
    def _vote(
        threshold: float, kept_segments: Tensor, kept_groups: Tensor, segments: Tensor, scores: Tensor, groups: Tensor
    ) -> Tensor:
        """Kept segments (n, 2) as the weighted mean of the candidates (N,) of their group that overlap them."""
        order = torch.argsort(groups, stable=True)
        segments, scores = segments[order], scores[order]
        begin = torch.searchsorted(groups[order], kept_groups)
        count = torch.searchsorted(groups[order], kept_groups, right=True) - begin
        column = torch.arange(int(count.max()), device=count.device)
        voted = []
        for part in torch.arange(len(count), device=count.device).split(max(1, VOTING_CHUNK_PAIRS // len(column))):
            voters = (begin[part, None] + column).clamp(max=len(order) - 1)  # (n, W)
            others, mine = segments[voters], kept_segments[part]
            votes = (segment_iou(mine[:, None], others) >= threshold) & (column < count[part, None])
            weights = scores[voters] * votes
            total = weights.sum(1, keepdim=True)
            mean = (weights[:, :, None] * others).sum(1) / total.clamp(min=torch.finfo(total.dtype).tiny)
            # A segment of no length overlaps nothing, not even itself: it stays as it is.
            voted.append(torch.where(total > 0, mean, mine))
        return torch.cat(voted)


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


def _by_video(scores: Tensor, video: Tensor, num_videos: int) -> tuple[Tensor, Tensor]:
    """Places of scores (N,) > 0, those of a video (N,) together and descending, and how many each video has (B,)."""
    place = torch.nonzero(scores).squeeze(1)
    place = place[torch.argsort(scores[place], descending=True, stable=True)]
    place = place[torch.argsort(video[place], stable=True)]
    return place, torch.bincount(video[place], minlength=num_videos)


def _nth_best(scores: Tensor, video: Tensor, num: int) -> Tensor:
    """The score that is the ``num``-th best of each video, 0 where fewer are over 0: (N,), (N,) → (B,)."""
    place, counts = _by_video(scores, video, int(video.max()) + 1)
    last = counts.cumsum(0) - counts + num - 1
    nth = scores[place][last.clamp(max=len(place) - 1)]
    return torch.where(counts >= num, nth, torch.zeros_like(nth))


def _check_shapes(segments: Tensor, scores: Tensor, labels: Tensor) -> tuple[int, int]:
    """The B and K of candidates, after checking that the three tensors agree on them."""
    if scores.ndim != 2 or segments.shape != (*scores.shape, 2) or labels.shape != scores.shape:
        raise ValueError(
            'candidates must be segments (B, K, 2), scores (B, K) and labels (B, K), got '
            f'{tuple(segments.shape)}, {tuple(scores.shape)} and {tuple(labels.shape)}'
        )
    return scores.shape[0], scores.shape[1]
