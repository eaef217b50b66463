"""Leakage: videos of one subset that are in another one too, under another name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmdel.datasets.checks.annotations import Video
from mmdel.datasets.checks.defects import Defect

MIN_SAME_EVENTS = 3  # fewer may agree by chance, e.g. one event over the whole of a 10 s clip
MEDIA_SUFFIX = re.compile(r'\.(mp4|mkv|avi|webm|mov|wav|flac|mp3|m4a)$')


@dataclass
class Member:
    """A video that takes part.

    Attributes:
        video: The video.
        ann_file: Where it is annotated.
        is_trained: Whether the training loader reads it.
        digests: Digest of a feature file's content → the file.
    """

    video: Video
    ann_file: str
    is_trained: bool
    digests: dict[str, str] = field(default_factory=dict)


def plain_id(video_id: str) -> str:
    """What is left of an id without letter case, media suffix, ``v_`` in front and the kind of separators."""
    text = MEDIA_SUFFIX.sub('', unicodedata.normalize('NFKC', video_id).strip().casefold())
    return re.sub(r'[\W_]', '-', text.removeprefix('v_'))


def check_leaks(members: Sequence[Member]) -> list[tuple[Member, Defect]]:
    """Pairs of videos that are the same, each told once, by the strongest sign: id, features, annotations.

    The defect is that of the trained video, since what is scored stays; of two alike, that of the later one.
    """
    defects: dict[tuple[int, int], tuple[Member, Defect]] = {}

    def add(kind: str, member: Member, other: Member, found: str, expected: str, file: str) -> None:
        video = member.video
        defect = Defect(kind, found, expected, video.video_id, file, video.subset)
        defects.setdefault((id(member), id(other)), (member, defect))

    for member, other, _ in _pairs(members, lambda member: [plain_id(member.video.video_id)]):
        if member.video.subset != other.video.subset:
            add('leak-video-id', member, other, _name(other), 'each video in one subset', member.ann_file)
    for member, other, digest in _pairs(members, lambda member: member.digests):
        across = member.video.subset != other.video.subset
        found, file = f'the content of {other.digests[digest]}, {_name(other)}', member.digests[digest]
        expected = 'each video in one subset' if across else 'each video once'
        add('leak-features' if across else 'repeated-features', member, other, found, expected, file)
    for member, other, _ in _pairs(members, _annotations):
        if member.video.subset != other.video.subset:
            found = f'the {len(other.video.events)} events of {_name(other)}'
            add('leak-annotations', member, other, found, 'each video in one subset', member.ann_file)
    return list(defects.values())


def _pairs(
    members: Sequence[Member], keys: Callable[[Member], Iterable[Hashable]]
) -> Iterator[tuple[Member, Member, Any]]:
    """The members that share a key: each with the one that stays, which is the first that is not trained on."""
    groups: dict[Hashable, list[Member]] = defaultdict(list)
    for member in members:
        for key in keys(member):
            groups[key].append(member)
    for key, group in groups.items():
        stays = next((member for member in group if not member.is_trained), group[0])
        yield from ((member, stays, key) for member in group if member is not stays)


def _annotations(member: Member) -> list[Hashable]:
    events = tuple(sorted((*event[:2], str(event.label)) for event in member.video.events))
    return [(member.video.duration_sec, events)] if len(events) >= MIN_SAME_EVENTS else []


def _name(member: Member) -> str:
    return f'video {member.video.video_id!r} of subset {member.video.subset!r}'
