"""The whole examination of a config's data: what is read, in which order, and what was found."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mmengine.config import Config

from mmdel.datasets.checks.feature_files import FeatureName, FileFacts, inspect_files
from mmdel.datasets.checks.fit import Loaded, check_crowds, check_epoch, check_ignored, check_learnable
from mmdel.datasets.checks.leaks import Member, check_leaks
from mmdel.datasets.checks.streams import StreamOfVideo, check_streams
from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.feature_store import Folders
from mmdel.datasets.from_config import DatasetUse, build_head, find_uses, num_outputs
from mmdel.datasets.transforms import AlignStreams
from mmdel.datasets.transforms.shaping import Shaping
from mmdel.events.annotations import AnnotatedVideo, Annotations
from mmdel.events.problems import KINDS, SEVERITIES, Problem, some_of
from mmdel.events.raw import RawEvents


@dataclass
class Source:
    """One annotation file and the data sets that read it.

    Attributes:
        ann_file: The file.
        raw: What it says, unjudged.
        uses: Each data set in a loader, and what the file says to it.
        problems: What is wrong with the file and its videos, each once.
    """

    ann_file: str
    raw: RawEvents
    uses: list[tuple[DatasetUse, Annotations]] = field(default_factory=list)
    problems: dict[Problem, None] = field(default_factory=dict)

    def add(self, *problems: Problem) -> None:
        self.problems.update(dict.fromkeys(problems))

    def videos(self) -> list[AnnotatedVideo]:
        """All videos of the file, each as a data set knows it that reads it, if there is one."""
        known: dict[str, AnnotatedVideo] = {}
        for _, parsed in self.uses:
            known = {**parsed.videos, **known, **{video.video_id: video for video in parsed.read}}
        return list(known.values())

    def read_by(self, *splits: str) -> dict[str, AnnotatedVideo]:
        """The videos that these loaders read."""
        chosen = [parsed for use, parsed in self.uses if use.split in splits]
        return {video.video_id: video for parsed in chosen for video in parsed.read}


@dataclass
class Diagnosis:
    """The annotation files, each with the problems of its videos, and the number of feature files that were opened."""

    sources: list[Source]
    num_files: int

    @property
    def problems(self) -> list[Problem]:
        """All of them, the worst first, kind by kind."""
        order = list(KINDS)
        found = dict.fromkeys(problem for source in self.sources for problem in source.problems)
        return sorted(found, key=lambda problem: (SEVERITIES.index(problem.severity), order.index(problem.kind)))


def diagnose(cfg: Config, headers_only: bool = False, num_workers: int = 0) -> Diagnosis:
    """Examine the data sets of a config's loaders.

    Args:
        cfg: The config.
        headers_only: Do not read the features' content, only their shapes.
        num_workers: Processes that read feature files; with 0 it is this one.

    Raises:
        UserInputError: If the config names no data set, or an annotation file cannot be read at all.
    """
    sources = _read_sources(find_uses(cfg))
    folders = Folders()
    groups: dict[tuple, dict[tuple[int, str, str], StreamOfVideo]] = {}
    for place, source in enumerate(sources):
        for use, parsed in source.uses:
            align = _shaping(cfg, use).align or AlignStreams()
            way = (align.reference, align.max_extent_ratio, repr((use.dataset.data_root, use.dataset.streams)))
            for item in _streams(source, use.dataset, parsed, folders):
                groups.setdefault(way, {})[place, item.video.video_id, item.name] = item
    streams = [(sources[key[0]], item) for items in groups.values() for key, item in items.items()]
    wanted = {name: None for _, item in streams for name in item.names if folders.has(name[0])}
    facts = inspect_files(list(wanted), headers_only, num_workers)
    for (reference, max_extent_ratio, _), items in groups.items():
        for problem in check_streams(items.values(), facts, reference, max_extent_ratio):
            owners = [source for source in sources if problem.video_id in source.raw.videos] or sources[:1]
            owners[0].add(problem)
    _add_leaks(sources, streams, facts)
    _add_classes(sources, num_outputs(cfg))
    _add_fit(cfg, sources, facts)
    return Diagnosis(sources, len(wanted))


def _read_sources(uses: Iterable[DatasetUse]) -> list[Source]:
    """The annotation files, each read once."""
    sources: dict[str, Source] = {}
    for use in uses:
        dataset = use.dataset
        way = repr((dataset.ann_file, dataset.csv, dataset.format))
        if way not in sources:
            sources[way] = Source(dataset.ann_file, dataset.read())
        source = sources[way]
        parsed = next((known for other, known in source.uses if other.dataset is dataset), None)
        parsed = parsed or dataset.parse(source.raw)
        source.uses.append((use, parsed))
        source.add(*parsed.problems)
    return list(sources.values())


def _options(cfg: Config, use: DatasetUse) -> Iterator[Any]:
    """What the config says on the way to a data set, of each wrapper and last of itself."""
    options = cfg
    for key in use.key.split('.'):
        options = options[int(key) if key.isdecimal() else key]
        yield options


def _shaping(cfg: Config, use: DatasetUse) -> Shaping:
    """What the pipeline of a data set does with time."""
    return Shaping.of([*_options(cfg, use)][-1].get('pipeline') or ())


def _streams(source: Source, dataset: EventDataset, parsed: Annotations, folders: Folders) -> list[StreamOfVideo]:
    """The streams of a data set's videos; tells of files that are not there."""
    located = [dataset.locate(video.video_id, video.fps) for video in parsed.read]
    lacking = dataset.lacking_files(located, folders)
    severity = 'error' if dataset.must_have_files(lacking) else 'warning'
    for video, paths in zip(parsed.read, lacking, strict=True):
        source.add(*(_missing(video.video_id, path, folders, severity, dataset.feature_help) for path in paths))
    return [
        StreamOfVideo(video, name, stream)
        for video, streams in zip(parsed.read, located, strict=True)
        for name, stream in streams.items()
    ]


def _missing(video_id: str, path: str, folders: Folders, severity: str, feature_help: str) -> Problem:
    """The problem of a file that is not there, or of its whole folder."""
    folder, name = os.path.split(path)
    if folder in folders.problems:
        expected = f'a folder of feature files. {feature_help}'.removesuffix('. ')
        return Problem('missing-folder', folders.problems[folder], expected, file=folder, severity=severity)
    others = [other for other in folders.names(folder) if other.casefold() == name.casefold()]
    found = f'no such file, but {others[0]!r}' if others else 'no such file'
    return Problem('missing-file', found, f'{name!r} in the folder', video_id, path, severity=severity)


def _add_leaks(
    sources: Sequence[Source], streams: Iterable[tuple[Source, StreamOfVideo]], facts: Mapping[FeatureName, FileFacts]
) -> None:
    """Videos and subsets that are trained on and scored: of these sources, with these streams and what is in them."""
    members: dict[tuple[int, str], Member] = {}
    for source in sources:
        trained = {subset for use, _ in source.uses if use.split == 'train' for subset in use.subsets}
        scored = {subset for use, _ in source.uses if use.split != 'train' for subset in use.subsets}
        for subset in sorted(trained & scored):
            found = f'{subset!r} in {", ".join(use.key for use, _ in source.uses if subset in use.subsets)}'
            source.add(Problem('leak-subset', found, 'a subset for each', file=source.ann_file))
        learned = source.read_by('train')
        for video_id, video in source.read_by('train', 'val', 'test').items():
            members[id(source), video_id] = Member(video, source, video_id in learned)
    for source, item in streams:
        digests = {facts[name].digest: name[0] for name in item.names if name in facts and facts[name].digest}
        members[id(source), item.video.video_id].digests.update(digests)
    for member, problem in check_leaks(list(members.values())):
        member.source.add(problem)


def _add_classes(sources: Sequence[Source], num_known: int | None) -> None:
    """Classes that the model lacks (if it tells its ``num_known``), that are numbered in two ways, unseen, or empty."""
    all_uses = [(source, use, parsed) for source in sources for use, parsed in source.uses]
    _, _, first = next((item for item in all_uses if item[1].split == 'train'), all_uses[0])
    shown = {event.label for source in sources for video in source.read_by('train').values() for event in video.events}
    present = {event.label for source in sources for video in source.videos() for event in video.events}
    for source, use, parsed in all_uses:
        classes = parsed.classes
        found = f'{len(classes)} classes'
        if num_known is not None and len(classes) > num_known:
            expected = f"{num_known}, as the model's head"
            source.add(Problem('too-many-classes', found, expected, file=source.ann_file))
        if classes and first.classes and classes != first.classes:
            found += f': {some_of(classes)}'
            expected = f'those of training, {len(first.classes)}: {some_of(first.classes)}'
            source.add(Problem('different-classes', found, expected, file=source.ann_file))
        scored = {event.label: video for video in reversed(parsed.read) for event in video.events}
        for label, video in scored.items() if use.split != 'train' and shown else ():
            if label in classes and label not in shown:
                found = f'events of {label!r}'
                source.add(Problem('unseen-class', found, 'some in training too', video.video_id, source.ann_file))
    for name in first.classes:
        if name not in present:
            sources[0].add(Problem('empty-class', f'no event of {name!r}', 'some', file=sources[0].ann_file))


def _add_fit(cfg: Config, sources: Sequence[Source], facts: Mapping[FeatureName, FileFacts]) -> None:
    """What data, model and training make of one another: of these sources, with what is in their feature files."""
    head, test_cfg = build_head(cfg), (cfg.get('model') or {}).get('test_cfg')
    for source, (use, parsed) in [(owner, pair) for owner in sources for pair in owner.uses]:
        # Of what makes sense: the problems are told already.
        records = replace(parsed, problems=[]).records(clip=not use.dataset.test_mode)
        for record in records:
            record['streams'] = use.dataset.locate(record['video_id'], record['fps'])
        loaded = Loaded(use.dataset, records, parsed.classes, _shaping(cfg, use), facts)
        source.add(*check_ignored(loaded), *check_crowds(loaded, head, test_cfg and test_cfg['window']))
        if use.split == 'train':
            times = math.prod(options.get('times', 1) for options in _options(cfg, use) if isinstance(options, dict))
            source.add(*check_epoch(loaded, times), *check_learnable(loaded, head))
