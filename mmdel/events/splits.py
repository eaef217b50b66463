"""Splitting videos into subsets that are alike: iterative stratification for several labels a video.

The rarest label goes first (Sechidis, Tsoumakas and Vlahavas 2011): each of its videos goes to the subset that lacks
most of it, of those that have room for it. What several videos share, such as a recording or a speaker, keeps them
together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmdel.events.events import Events
from mmdel.utils.errors import UserInputError

SUBSET_NAMES = {2: ('train', 'val'), 3: ('train', 'val', 'test')}


def split_events(
    events: Events, fractions: Sequence[float] | Mapping[str, float], seed: int, group: str | None = None
) -> Events:
    """The same events, every video in a subset, and the subsets alike in labels.

    A label counts once a video. Videos without events, and videos with unlabelled ones, are spread like two further
    labels. The number of videos of a subset differs from its fraction by less than the largest group, unless a subset
    is so small that it only has the one group that every subset gets where there are enough. The order of videos,
    events and labels does not matter.

    Args:
        events: A table; the subsets that its videos have are forgotten.
        fractions: Of each subset, with a sum of 1: two (train, val), three (train, val, test), or by subsets' names.
        seed: Of the choices between equals; the same seed gives the same split.
        group: Videos that agree in this entry of their ``extra``, or that have events which agree in this further
            column, are in one subset. None: each is on its own, as are those that have no such entry.

    Raises:
        UserInputError: If the fractions are no such numbers, or nothing has an entry ``group``.
    """
    shares = _named_fractions(fractions)
    order = np.argsort(np.array(events.video_ids, dtype=object)).astype(np.int64)
    group_of = np.empty(len(order), dtype=np.int64)
    group_of[order] = _group_numbers(events, group, order)
    num_videos = np.bincount(group_of)
    counts = np.zeros((len(num_videos), len(events.labels) + 2), dtype=np.int64)  # (groups, labels)
    np.add.at(counts, group_of, _presence(events))
    chosen = _stratify(counts, num_videos, np.array(list(shares.values())), np.random.default_rng(seed))
    names = [list(shares)[place] for place in chosen[group_of]]
    return replace(events, videos=tuple(replace(v, subset=name) for v, name in zip(events.videos, names, strict=True)))


def _named_fractions(fractions: Sequence[float] | Mapping[str, float]) -> dict[str, float]:
    """Subset → fraction."""
    if not isinstance(fractions, Mapping):
        if len(fractions) not in SUBSET_NAMES:
            raise UserInputError(
                f'{len(fractions)} fractions {list(fractions)} need names: expected two (train, val), three (train, '
                'val, test), or a mapping from subsets to fractions'
            )
        fractions = dict(zip(SUBSET_NAMES[len(fractions)], fractions, strict=True))
    if not all(value > 0 for value in fractions.values()) or not math.isclose(sum(fractions.values()), 1, abs_tol=1e-6):
        raise UserInputError(
            f'the fractions of the subsets must be positive and have a sum of 1, got {dict(fractions)}'
        )
    return dict(fractions)


def _presence(events: Events) -> np.ndarray:
    """Which video (V, L + 2) has which label, in the order of their names; then no event, an event without a label."""
    columns = np.append(np.argsort(np.argsort(np.array(events.labels, dtype=object))), len(events.labels) + 1)
    present = np.zeros((len(events.videos), len(events.labels) + 2), dtype=bool)
    present[events.video_index, columns[events.label_index].astype(np.int64)] = True
    present[:, -2] = ~present.any(axis=1)
    return present


def _group_numbers(events: Events, group: str | None, order: np.ndarray) -> np.ndarray:
    """The number of the group of each video, of the videos in an order that also numbers the groups: (V,)."""
    parent = list(range(len(order)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    if group is not None:
        place_of = np.argsort(order)
        first_with: dict[str, int] = {}
        for video, value in _shared_values(events, group):
            a = root(int(place_of[video]))
            b = root(first_with.setdefault(str(value), a))
            parent[max(a, b)] = min(a, b)
    return np.unique([root(place) for place in range(len(order))], return_inverse=True)[1]


def _shared_values(events: Events, group: str) -> Iterable[tuple[int, Any]]:
    """All (place of a video, what it or one of its events has as ``group``)."""
    values = [(place, video.extra.get(group)) for place, video in enumerate(events.videos)]
    values += zip(events.video_index.tolist(), events.extra.get(group, ()), strict=False)
    values = [(place, value) for place, value in values if value is not None]
    if not values:
        known = {*events.extra, *(name for video in events.videos for name in video.extra)}
        raise UserInputError(
            f'no video or event has an entry {group!r} to group by; those that there are: {sorted(known)}'
        )
    return values


def _stratify(
    counts: np.ndarray, num_videos: np.ndarray, fractions: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The subset of each group (G,).

    Args:
        counts: (G, L) videos of each group with each label; each group has one at least.
        num_videos: (G,) of each group.
        fractions: (K,) of each subset.
        rng: Of the choices between equals.
    """
    chosen = np.full(len(counts), -1, dtype=np.int64)
    lacking = fractions[:, None] * counts.sum(axis=0)  # (K, L) videos with each label
    room = fractions * num_videos.sum()  # (K,) videos
    left = counts.sum(axis=0)
    shuffled = rng.permutation(len(counts))
    shuffled = shuffled[np.argsort(-num_videos[shuffled], kind='stable')]  # the small ones level out the large
    num_left, empty = len(counts), np.ones(len(fractions), dtype=bool)
    while num_left:
        label = np.argmin(np.where(left > 0, left, np.iinfo(np.int64).max))
        for row in shuffled[(chosen[shuffled] < 0) & (counts[shuffled, label] > 0)]:
            allowed = room >= num_videos[row] - 1e-9
            if num_left <= empty.sum():
                allowed = empty  # each gets one
            elif not allowed.any():
                allowed = room == room.max()
            best = np.lexsort((rng.random(len(fractions)), -lacking[:, label], ~allowed))[0]
            chosen[row] = best
            lacking[best] -= counts[row]
            room[best] -= num_videos[row]
            left -= counts[row]
            num_left, empty[best] = num_left - 1, False
    return chosen
