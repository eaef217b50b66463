"""Training videos laid over each other.

Shapes: T steps and C_s channels of stream s; N events.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from mmengine.dataset import BaseDataset

from mmdel.datasets.transforms.cropping import cut, is_kept
from mmdel.datasets.transforms.random_draws import RandomDraws
from mmdel.registry import TRANSFORMS
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

MAX_RATIO = 1.01  # of the grids of two videos: 29.97 and 30 frames a second go together


@TRANSFORMS.register_module()
class MixVideos(RandomDraws):
    """Lays another video of the data set over this one, with its events: sounds that meet are all to be found.

    After mixup (Zhang et al. 2018, arXiv 1710.09412), but x (T, C_s) keeps its weight: it becomes x + share · y over
    the stretch that both have, with one share for all streams, drawn evenly from (0, ``max_share``]. Of a longer
    partner a random window is taken, a shorter one begins at a random step; nothing is resampled. Its events move
    along, and of those at the ends of the stretch is kept what :class:`RandomTemporalCrop` would keep.

    :class:`~mmdel.datasets.EventDataset` hands it the partner as ``mix_results``, another video that has gone through
    the steps before this one. Belongs behind ``AlignStreams`` and the crop, and before ``RandomSpeed``, which gives
    each video a grid of its own. Changes ``features``, ``segments``, ``labels`` and ``ignored_segments``.

    Args:
        prob: How likely a video is mixed at all.
        max_share: The greatest share of the partner, > 0.
        streams: Which streams are mixed; None = all.
        events: ``'both'``: the events of both videos are to be found, and nothing is learned where either is ignored.
            ``'own'``: the partner is noise, and its events are not told.
        trunc_thresh: Smallest fraction of one of the partner's events that still counts as the event.

    Raises:
        ValueError: If an argument is out of its range.
        UserInputError: If a video has no such stream, the data set hands no videos or has but one, or two differ in
            their grids or channels.
    """

    def __init__(
        self,
        prob: float = 0.5,
        max_share: float = 0.5,
        streams: Sequence[str] | None = None,
        events: Literal['both', 'own'] = 'both',
        trunc_thresh: float = 0.5,
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be in [0, 1], got {prob}')
        if not 0 < max_share < math.inf:
            raise ValueError(f'max_share must be above 0, got {max_share}')
        if streams is not None and (isinstance(streams, str) or not streams):
            raise ValueError(f'streams must be a list of names, or None for all, got {streams!r}')
        if events not in ('both', 'own'):
            raise ValueError(f"events must be 'both' or 'own', got {events!r}")
        if not 0 < trunc_thresh <= 1:
            raise ValueError(f'trunc_thresh must be in (0, 1], got {trunc_thresh}')
        self.prob = prob
        self.max_share = max_share
        self.streams = streams
        self.events = events
        self.trunc_thresh = trunc_thresh

    def choose(self, video_id: str, dataset: BaseDataset) -> list[int]:
        """The index of a random item of another video than this one; none if the video is not to be mixed."""
        if self._random.uniform() >= self.prob:
            return []
        for index in self._random.permutation(len(dataset)):
            if dataset.get_data_info(index)['video_id'] != video_id:
                return [int(index)]
        raise UserInputError(f'MixVideos mixes two videos, and the data set has but one: {video_id}')

    def __call__(self, results: dict) -> dict:
        if 'mix_results' not in results:
            raise UserInputError('MixVideos: the data set hands it no videos to mix; it is for an mmdel.EventDataset')
        for other in results.pop('mix_results'):
            results = self._mix(results, other)
        return results

    def _mix(self, results: dict, other: dict) -> dict:
        names = self._names(results, other)
        num_steps, num_other = (len(next(iter(video['features'].values()))) for video in (results, other))
        length = min(num_steps, num_other)
        place, start = (self._random.randint(num - length + 1) for num in (num_steps, num_other))
        share = self.max_share * (1 - self._random.uniform())
        keep = is_kept(other['segments'], np.array([start]), length, num_other, self.trunc_thresh)[0]
        other = cut(other, start, length, num_other, keep)
        for name in names:
            mixed = results['features'][name].copy()  # what was loaded may be cached
            mixed[place : place + length] += mixed.dtype.type(share) * other['features'][name]
            results['features'][name] = mixed
        if self.events == 'both':
            results['labels'] = np.concatenate([results['labels'], other['labels']])
            for name in ('segments', 'ignored_segments'):
                results[name] = np.concatenate([results[name], other[name] + np.float32(place)])
        return results

    def _names(self, results: dict, other: dict) -> Sequence[str]:
        """The streams to mix, which both videos have alike."""
        videos = [results, other]
        check_grids({video['video_id']: video['grid'] for video in videos})
        names = list(results['features']) if self.streams is None else self.streams
        for name in names:
            if name not in results['features']:
                raise UserInputError(f'MixVideos: there is no stream {name!r}; there are {sorted(results["features"])}')
            channels = [video['features'][name].shape[1] for video in videos]
            if channels[0] != channels[1]:
                found = ' and '.join(
                    f'{num} channels in {video["video_id"]}' for num, video in zip(channels, videos, strict=True)
                )
                raise UserInputError(f'MixVideos: stream {name!r} has {found}')
        return names


def check_grids(grids: Mapping[str, FeatureGrid | None]) -> None:
    """Stops at videos that cannot be mixed, since their steps do not mean the same time; to a hundredth they do.

    Args:
        grids: The grid of each video by its id; those of None are not looked at.

    Raises:
        UserInputError: Naming the two that differ most.
    """
    for what, seconds in (
        ('a step every', {video: grid.step_sec for video, grid in grids.items() if grid is not None}),
        ('steps that see', {video: grid.window / grid.fps for video, grid in grids.items() if grid is not None}),
    ):
        low, high = (pick(seconds, key=lambda video: seconds[video], default='') for pick in (min, max))
        if seconds and seconds[high] > MAX_RATIO * seconds[low]:
            raise UserInputError(
                f'MixVideos: {what} {seconds[low]:.4g} s in video {low}, and {seconds[high]:.4g} s in {high}; only '
                'videos of one grid can be mixed, before RandomSpeed or ResizeStreams make others of theirs'
            )
