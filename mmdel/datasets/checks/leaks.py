"""Leakage: videos of one subset that are in another one too, under another name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmdel.events.annotations import AnnotatedVideo
from mmdel.events.problems import Problem
from mmdel.utils.names import MEDIA_SUFFIX

if TYPE_CHECKING:
    from mmdel.datasets.checks.diagnosis import Source

MIN_SAME_EVENTS = 3  # fewer may agree by chance, e.g. one event over the whole of a 10 s clip


@dataclass
class Member:
    """A video, where it is annotated, whether it is trained on, and the digests of its files' contents → the file."""

    video: AnnotatedVideo
    source: Source
    is_trained: bool
    digests: dict[str, str] = field(default_factory=dict)


def plain_id(video_id: str) -> str:
    """What is left of an id without letter case, media suffix, ``v_`` in front and the kind of separators."""
    text = MEDIA_SUFFIX.sub('', unicodedata.normalize('NFKC', video_id).strip().casefold())
    return re.sub(r'[\W_]', '-', text.removeprefix('v_'))


def check_leaks(members: Sequence[Member]) -> list[tuple[Member, Problem]]:
    """Pairs of videos of two subsets that are the same, each told once, by the strongest sign: id, features, events.

    The problem is that of the trained video, since what is scored stays; of two alike, that of the later one.
    """
    problems: dict[tuple[int, int], tuple[Member, Problem]] = {}

    def add(kind: str, member: Member, other: Member, found: str, file: str) -> None:
        found += f'video {other.video.video_id!r} of subset {other.video.subset!r}'
        problem = Problem(kind, found, 'each video in one subset', member.video.video_id, file)
        problems.setdefault((id(member), id(other)), (member, problem))

    for member, other, _ in _pairs(members, lambda member: [plain_id(member.video.video_id)]):
        add('leak-video-id', member, other, '', member.source.ann_file)
    for member, other, digest in _pairs(members, lambda member: member.digests):
        add('leak-features', member, other, f'the content of {other.digests[digest]}, ', member.digests[digest])
    for member, other, _ in _pairs(members, _annotations):
        add('leak-annotations', member, other, f'the {len(other.video.events)} events of ', member.source.ann_file)
    return list(problems.values())


def _pairs(
    members: Sequence[Member], keys: Callable[[Member], Iterable[Hashable]]
) -> Iterator[tuple[Member, Member, Any]]:
    """The members that share a key, but no subset: each with the one that stays, the first that is not trained on."""
    groups: dict[Hashable, list[Member]] = defaultdict(list)
    for member in members:
        for key in keys(member):
            groups[key].append(member)
    for key, group in groups.items():
        stays = next((member for member in group if not member.is_trained), group[0])
        yield from ((member, stays, key) for member in group if member.video.subset != stays.video.subset)


def _annotations(member: Member) -> list[Hashable]:
    events = tuple(sorted(event[1:4] for event in member.video.events))
    return [(member.video.duration_sec, events)] if len(events) >= MIN_SAME_EVENTS else []
