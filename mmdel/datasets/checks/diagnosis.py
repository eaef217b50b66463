"""The whole examination of a config's data: what is read, in which order, and what was found."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mmdel.datasets.annotation_file import some_of
from mmdel.datasets.checks.annotations import Annotations, Video, check_annotations, segment_defect
from mmdel.datasets.checks.defects import KINDS, SEVERITIES, Defect
from mmdel.datasets.checks.feature_files import FeatureName, FileFacts, Progress, inspect_files
from mmdel.datasets.checks.features import StreamOfVideo, check_features
from mmdel.datasets.checks.folders import Folders
from mmdel.datasets.checks.leaks import Member, check_leaks
from mmdel.datasets.checks.lengths import check_lengths
from mmdel.datasets.from_config import SPLITS, DatasetUse
from mmdel.datasets.transforms.aligning import end_sec
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError


@dataclass
class Source:
    """One annotation file, read in one way, and all that read it so.

    Attributes:
        annotations: What the file says.
        uses: The loaders' data sets.
        streams: The streams of its videos; a list for each way in which data sets name and describe them.
        defects: What is wrong with the file and its videos.
    """

    annotations: Annotations
    uses: list[DatasetUse]
    streams: dict[str, list[StreamOfVideo]] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)

    def videos_of(self, *splits: str) -> list[Video]:
        """The videos that these loaders read."""
        subsets = {subset for use in self.uses if use.split in splits for subset in use.subsets}
        return [video for video in self.annotations.videos.values() if video.subset in subsets]


@dataclass
class Diagnosis:
    """What was examined and found.

    Attributes:
        sources: The annotation files, each with the defects of its videos.
        others: Defects that are not of an annotated video.
        num_files: Feature files that were opened.
    """

    sources: list[Source]
    others: list[Defect]
    num_files: int

    @property
    def defects(self) -> list[Defect]:
        """All of them, the worst first, kind by kind."""
        order = list(KINDS)
        found = dict.fromkeys([defect for source in self.sources for defect in source.defects] + self.others)
        return sorted(found, key=lambda defect: (SEVERITIES.index(defect.severity), order.index(defect.kind)))


def diagnose(
    uses: Sequence[DatasetUse],
    headers_only: bool = False,
    num_workers: int = 0,
    progress: Progress = lambda facts, num: facts,
    num_outputs: int | None = None,
) -> Diagnosis:
    """Examine the data sets of a config.

    Args:
        uses: Them; at least one.
        headers_only: Do not read the features' content, only their shapes.
        num_workers: Processes that read feature files; with 0 it is this one.
        progress: Is handed what was found in each file, as it comes, and their number, and hands it on.
        num_outputs: How many classes the model tells apart, if that is known.

    Raises:
        UserInputError: If an annotation file cannot be read at all, or a stream of the config is nonsense.
    """
    sources = _read_sources(uses)
    folders = Folders()
    wanted: dict[FeatureName, None] = {}
    for source in sources:
        for use in source.uses:
            _locate(source, use, folders, wanted)
    facts = inspect_files(list(wanted), headers_only, num_workers, progress)
    for source in sources:
        _fill_durations(source, facts)
        for items in source.streams.values():
            found, sound = check_features(dict.fromkeys(items), facts)
            source.defects += found + check_lengths(sound, facts)
    _add_leaks(sources, facts)
    _add_classes(sources, num_outputs)
    others = folders.missing_folders(next((use.dataset.feature_help for use in uses if use.dataset.feature_help), ''))
    patterns = {pattern for use in uses for stream in use.dataset.streams.values() for pattern in _paths(use, stream)}
    video_ids = {video_id for source in sources for video_id in source.annotations.database}
    named = {pattern.replace('{id}', video_id) for pattern in patterns for video_id in video_ids}
    return Diagnosis(sources, others + folders.unnamed(patterns, named), len(wanted))


def _read_sources(uses: Iterable[DatasetUse]) -> list[Source]:
    """The annotation files, each read once for each way to read it."""
    groups: dict[str, list[DatasetUse]] = {}
    for use in uses:
        dataset = use.dataset
        ignored = sorted(dataset.ignore_labels, key=str)
        way = (dataset.ann_file, dataset.csv, class_list(use), dataset.num_classes, ignored)
        groups.setdefault(repr(way), []).append(use)
    sources = []
    for group in groups.values():
        dataset = group[0].dataset
        try:
            annotations = check_annotations(
                dataset.ann_file,
                {subset for use in group for subset in use.subsets},
                class_list(group[0]),
                dataset.ignore_labels,
                any(not stream.get('fps') for use in group for stream in use.dataset.streams.values()),
                dataset.csv,
                dataset.num_classes,
            )
        except ValueError as error:
            raise UserInputError(f'{error}\n{dataset.feature_help}'.rstrip()) from error
        sources.append(Source(annotations, group, defects=list(annotations.defects)))
    return sources


def class_list(use: DatasetUse) -> Sequence[str] | None:
    """The classes that the config gives."""
    return use.dataset.classes or use.dataset.metainfo.get('classes')


def _paths(use: DatasetUse, stream: dict) -> list[str]:
    """The paths of a stream's files, with ``{id}`` for the video."""
    return [os.path.join(use.dataset.data_root or '', stream['root'], pattern) for pattern in stream['files']]


def _locate(source: Source, use: DatasetUse, folders: Folders, wanted: dict[FeatureName, None]) -> None:
    """Put the streams of a data set's videos into the source, and into ``wanted`` the files that are there."""
    streams = use.dataset.streams
    items = source.streams.setdefault(repr((use.dataset.data_root, streams)), [])
    severity = 'error' if use.dataset.missing == 'error' else 'warning'
    for video in source.annotations.videos.values():
        if video.subset not in use.subsets:
            continue
        for name, stream in streams.items():
            paths = [pattern.replace('{id}', video.video_id) for pattern in _paths(use, stream)]
            files = tuple((path, stream.get('key')) for path in paths)
            grid = _grid(name, stream, video)
            items.append(
                StreamOfVideo(
                    video.video_id, video.subset, name, files, grid, stream.get('channels'), video.duration_sec
                )
            )
            for file in files:
                defect = folders.missing(file[0], video.video_id, video.subset, severity)
                if defect is not None:
                    source.defects.append(defect)
                elif folders.has(file[0]):
                    wanted[file] = None


def _grid(name: str, stream: dict, video: Video) -> FeatureGrid | None:
    fps = stream.get('fps') or video.fps
    try:
        return None if fps is None else FeatureGrid(stream['stride'], stream['window'], fps)
    except (TypeError, ValueError) as error:
        raise UserInputError(f'stream {name!r} of the config: {error}') from error


def _fill_durations(source: Source, facts: Mapping[FeatureName, FileFacts]) -> None:
    """Look at the events where only the features tell how long the video is, as the data set does.

    If no video has a duration, it is meant so.
    """
    videos, ann_file = source.annotations.videos, source.annotations.ann_file
    lacking = {defect.video_id for defect in source.defects if defect.kind == 'missing-duration'}
    if lacking and not any(video.duration_sec for video in videos.values()):
        meant = [replace(defect, severity='info') for defect in source.defects if defect.kind == 'missing-duration']
        source.defects = [defect for defect in source.defects if defect.kind != 'missing-duration'] + meant
    for item in (item for items in source.streams.values() for item in items if item.video_id in lacking):
        video, shape = videos[item.video_id], facts.get(item.files[0], FileFacts()).shape
        if video.duration_sec is not None or item.grid is None or not shape:
            continue
        video.duration_sec = end_sec(item.grid, shape[0])
        for event in list(video.events):
            problem = segment_defect(event[:2], video.duration_sec)
            if problem is not None:
                source.defects.append(Defect(*problem, video.video_id, ann_file, video.subset, event.place))
                if problem[0] == 'event-outside-video':
                    video.events.remove(event)


def _add_leaks(sources: Sequence[Source], facts: Mapping[FeatureName, FileFacts]) -> None:
    for source in sources:
        trained = {subset for use in source.uses if use.split == 'train' for subset in use.subsets}
        scored = {subset for use in source.uses if use.split != 'train' for subset in use.subsets}
        for subset in sorted(trained & scored):
            ann_file = source.annotations.ann_file
            found = f'the loaders {", ".join(use.key for use in source.uses if subset in use.subsets)}'
            source.defects.append(Defect('leak-subset', found, 'a subset for each', file=ann_file, subset=subset))
    owners: dict[int, Source] = {}
    members = []
    for source in sources:
        digests: dict[str, dict[str, str]] = {}
        for item in (item for items in source.streams.values() for item in items):
            mine = digests.setdefault(item.video_id, {})
            mine.update({facts[file].digest: file[0] for file in item.files if file in facts and facts[file].digest})
        trained = {video.video_id for video in source.videos_of('train')}
        for video in source.videos_of(*SPLITS):
            video_id = video.video_id
            member = Member(video, source.annotations.ann_file, video_id in trained, digests.get(video_id, {}))
            owners[id(member)] = source
            members.append(member)
    for member, defect in check_leaks(members):
        owners[id(member)].defects.append(defect)


def _add_classes(sources: Sequence[Source], num_outputs: int | None) -> None:
    """Classes that the model lacks, that are numbered in two ways, scored without training, or empty."""
    first = next((source for source in sources if source.videos_of('train')), sources[0]).annotations
    shown = {event.label for source in sources for video in source.videos_of('train') for event in video.events}
    present: set[str] = set()
    for source in sources:
        annotations = source.annotations
        if num_outputs is not None and len(annotations.classes) > num_outputs:
            found, expected = f'{len(annotations.classes)} classes', f"{num_outputs}, as the model's head"
            source.defects.append(Defect('too-many-classes', found, expected, file=annotations.ann_file))
        if annotations.classes != first.classes:
            found = f'{len(annotations.classes)} classes: {some_of(list(map(str, annotations.classes)))}'
            expected = f'the {len(first.classes)} of {first.ann_file}: {some_of(list(map(str, first.classes)))}'
            source.defects.append(Defect('different-classes', found, expected, file=annotations.ann_file))
        present |= {event.label for video in annotations.videos.values() for event in video.events}
        scored: dict[str, Video] = {}
        for video in source.videos_of('val', 'test') if shown else ():
            for event in video.events:
                scored.setdefault(event.label, video)
        for label, video in scored.items():
            if label in annotations.classes and label not in shown:
                found, place = f'events of {label!r}', (video.video_id, annotations.ann_file, video.subset)
                source.defects.append(Defect('unseen-class', found, 'some in training too', *place))
    for name in first.classes:
        if name not in present:
            sources[0].defects.append(Defect('empty-class', f'no event of {name!r}', 'some', file=first.ann_file))
