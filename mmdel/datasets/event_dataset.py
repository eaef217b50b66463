"""The one dataset class: annotations and per-stream feature files of untrimmed videos."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmdel.datasets.feature_store import Folders, feature_path, feature_shape
from mmdel.datasets.stream_config import complete_streams
from mmdel.datasets.transforms.aligning import AlignStreams, reference_stream
from mmdel.datasets.transforms.loading import check_lengths
from mmdel.datasets.transforms.mixing import MixVideos, check_grids
from mmdel.datasets.transforms.shaping import Shaping
from mmdel.events.annotations import Annotations, parse_annotations
from mmdel.events.formats.table_layout import read_tables
from mmdel.events.labels import to_labels
from mmdel.events.problems import Problem, some_of
from mmdel.events.raw import RawEvents
from mmdel.events.reading import read_raw, tell_left_out
from mmdel.events.times import Times, check_times
from mmdel.features.sidecar import stored_durations
from mmdel.registry import DATASETS
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError
from mmdel.utils.log import warn
from mmdel.utils.names import canonical_subset, file_name


@DATASETS.register_module()
class EventDataset(BaseDataset):
    """Videos with their events and the feature files of their streams.

    A record has ``video_id``, ``duration_sec``, ``fps``, ``segments_sec`` (N, 2) float64, ``labels`` (N,) int64,
    ``ignored`` (N,) bool, ``expected_steps``, the most that the pipeline leaves of it as far as the duration tells, and
    ``streams``: name → dict(``files`` paths, ``grid`` the stream's :class:`FeatureGrid`, ``key``, ``channels``,
    ``resized``); in the pipeline it has the ``classes`` besides. Files are looked for when the dataset is initialised,
    and opened by the pipeline, but for the headers of a few.

    Events that reach beyond their video are clipped to it for training; with ``test_mode`` they stay as annotated. With
    ``test_mode`` there may be no labels at all: then events have label -1, and ``classes`` may be empty.

    Args:
        ann_file: Annotation file, of any format that ``docs/formats.md`` lists. Videos of which it tells no duration
            have that which ``mmdel extract`` has written beside their features, or that of their features.
        streams: Name → dict with ``root`` (folder, or packed file), ``files`` (patterns with ``{id}``; several are
            concatenated on the channels), ``stride`` and ``window`` in frames, and optionally ``fps`` (frames, or for
            sound hops, a second; None means the annotation's), ``key`` (array of an ``.npz``), ``channels`` (the width
            to check). With ``resized=True``, for features that were resized to one length whatever the video's, the
            steps part the duration evenly; ``stride``, ``window`` and ``fps`` are not needed then, nor looked at. What
            the ``streams.json`` of ``mmdel extract`` beside the files tells may be left out, ``files`` too where it has
            the stream's name. A folder in place of the dict: all streams that its ``streams.json`` tells of.
        subset: Name or names of the subsets to read. Letter case does not matter, and ``train``/``training``,
            ``val``/``validation``, ``test``/``testing`` mean the same.
        times: The unit of the annotated events: ``'seconds'``, ``'frames'`` of the video's fps in the annotations, or
            how many a second there are, as 1000 for milliseconds. Durations are always in seconds.
        format: The format of the file, if its content does not tell; or a dict of it as ``type`` and of options for its
            reader, as ``dict(type='epic_kitchens', label='verb')``.
        csv: Which columns of a table say what, see :class:`~mmdel.events.formats.table_layout.TableLayout`.
        classes: Class names in the order of their numbers. None takes them from the whole file.
        num_classes: How many classes there are, so that those at the end without any event have their number too, and
            more are an error.
        ignore_labels: Label or labels of events in which nothing is learned and no prediction is a false alarm, e.g.
            THUMOS14's ``Ambiguous``.
        drop_labels: Label or labels whose events are as if they were not there, e.g. a ``background``.
        filter_empty: Leave out videos, or pieces of them, without a (not ignored) event, and say how many.
        pieces: An item is not a video but a piece of one: a video longer than what the pipeline's
            :class:`RandomTemporalCrop` leaves is as many overlapping pieces as it takes to cover it, so that an epoch
            sees all of it, and not a window. Records then have ``piece``, its number and how many there are.
        missing: What to do about videos with missing feature files: ``'error'``, ``'skip'`` with a warning, or
            ``'ignore'``, for what reads no features.
        feature_help: How to get the files; shown when some are missing.
        kwargs: ``data_root`` (``ann_file`` and roots are relative to it), ``metainfo``, ``indices``, ``pipeline``,
            ``test_mode``, ``serialize_data``, ``lazy_init`` of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        UserInputError: If files are missing or the annotations have an error, the first one; on initialisation.
            ``tools/data/check.py`` lists all. What is a warning there is one here, in one line for each kind.
    """

    def __init__(
        self,
        ann_file: str,
        streams: str | dict[str, dict],
        subset: str | Sequence[str],
        format: str | dict | None = None,
        csv: dict | None = None,
        times: Times = 'seconds',
        classes: Sequence[str] | None = None,
        num_classes: int | None = None,
        ignore_labels: str | Sequence[str] = (),
        drop_labels: str | Sequence[str] = (),
        filter_empty: bool = False,
        pieces: bool = False,
        missing: Literal['error', 'skip', 'ignore'] = 'error',
        feature_help: str = '',
        **kwargs: Any,
    ) -> None:
        if missing not in ('error', 'skip', 'ignore'):
            raise ValueError(f"missing must be 'error', 'skip' or 'ignore', got {missing!r}")
        self.streams = complete_streams(streams, kwargs.get('data_root'))
        self._durations_sec: dict[str, dict[str, float]] = {}  # by folder
        self.subsets = _as_list(subset)
        check_times(times)
        if csv is not None and format is not None:
            raise ValueError('csv names the columns of a table, and format what else a file is: give one of them')
        self.format, self.csv, self.times = format, csv, times
        self.classes = classes
        self.num_classes = num_classes
        self.ignore_labels = frozenset(_as_list(ignore_labels))
        self.drop_labels = frozenset(_as_list(drop_labels))
        both = {*to_labels(self.ignore_labels, 'ignore_labels')} & {*to_labels(self.drop_labels, 'drop_labels')}
        if both:
            raise ValueError(f'ignore_labels and drop_labels both name {some_of(sorted(both))}')
        self.filter_empty = filter_empty
        self.pieces = pieces
        self.missing = missing
        self.feature_help = feature_help
        super().__init__(ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[dict]:
        """The records of the subset."""
        annotations = self.parse(self.read())
        # What is learned lies inside its video; what is scored is the truth as annotated.
        records = annotations.records(clip=not self.test_mode)
        self._metainfo['classes'] = annotations.classes
        for record in records:
            record['streams'] = self.locate(record['video_id'], record['fps'])
        records = self._with_files(records)
        for step in self.pipeline.transforms:  # which stops at the first wrong length
            if isinstance(step, AlignStreams):
                check_lengths(records, step.max_extent_ratio)
            if isinstance(step, MixVideos):
                reference = Shaping.of(self.pipeline.transforms).reference(self.streams)
                check_grids({record['video_id']: record['streams'][reference]['grid'] for record in records})
        return records

    def read(self) -> RawEvents:
        """What the annotation file says, unjudged.

        Raises:
            UserInputError: If it cannot be read at all.
        """
        try:
            if self.csv is not None:
                return read_tables(self.ann_file, self.csv)
            options = dict(self.format) if isinstance(self.format, dict) else dict(type=self.format)
            raw = read_raw(self.ann_file, options.pop('type', None), **options)
            tell_left_out(raw)
            return raw
        except UserInputError as error:
            files = [path for stream in self.locate('{id}', 1.0).values() for path in stream['files']]
            help_text = f'The features of its videos are expected in {", ".join(files)}\n{self.feature_help}'.rstrip()
            raise UserInputError(f'{error}\n{help_text}') from error

    def parse(self, raw: RawEvents) -> Annotations:
        """What a file says of the subsets, and all that is wrong with it: with an error nothing is loaded."""
        annotations = parse_annotations(
            raw,
            self.subsets,
            self.classes or self._metainfo.get('classes'),
            self.num_classes,
            self.ignore_labels,
            self.drop_labels,
            needs_fps=any(not (stream.get('fps') or stream.get('resized')) for stream in self.streams.values()),
            measure=self._measure if self._measuring else None,
            times=self.times,
            needs_labels=not self.test_mode or self._has_labels(raw),
        )
        if self.test_mode:  # its classes may come from elsewhere, and where events are can be scored without any
            annotations.problems = [
                replace(problem, severity='warning') if problem.kind == 'no-label' else problem
                for problem in annotations.problems
            ]
        events = annotations.events if self.test_mode else annotations.events.clip()
        is_read = np.array([annotations.is_read(video) for video in events.videos] or [False])
        counts = np.array([label not in annotations.ignored for label in (*events.labels, '')])
        if is_read.any() and not (is_read[events.video_index] & counts[events.label_index]).any():
            found = f'no event in the {is_read.sum()} videos of the subset {"+".join(self.subsets)}'
            severity = 'warning' if self.test_mode else 'error'
            what = 'some to score' if self.test_mode else 'some to learn'
            annotations.problems.append(Problem('no-event', found, what, file=self.ann_file, severity=severity))
        return annotations

    @property
    def _measuring(self) -> str:
        """The stream that tells the durations where the annotations do not: of those whose steps are seconds."""
        names = [name for name, stream in self.streams.items() if not stream.get('resized')]
        return reference_stream(names) if names else ''

    def _has_labels(self, raw: RawEvents) -> bool:
        """Whether any event of the subsets has a label."""
        subsets = set(map(canonical_subset, self.subsets))
        read = {video_id for video_id, video in raw.videos.items() if canonical_subset(video.get('subset')) in subsets}
        pairs = zip(raw.video, raw.label, strict=True)
        return any(label is not None and video_id in read for video_id, label in pairs)

    def _measure(self, video_id: str, fps: float | None) -> float | None:
        """How long a video is, in seconds; None if nothing tells.

        Extraction has written it down; else it is the end of what the video's features of a stream cover.
        """
        stream = self.locate(video_id, fps)[self._measuring]
        folder = os.path.dirname(stream['files'][0])
        if folder not in self._durations_sec:
            self._durations_sec[folder] = stored_durations(folder)
        if (duration_sec := self._durations_sec[folder].get(file_name(video_id))) is not None:
            return duration_sec
        try:
            num_steps, _ = feature_shape(stream['files'][0], stream['key'])
        except UserInputError:  # told by what opens the file
            return None
        return None if stream['grid'] is None else stream['grid'].end_sec(num_steps)

    def get_data_info(self, idx: int) -> dict:
        """The record of a video, with the ``classes`` that its labels number."""
        return {**super().get_data_info(idx), 'classes': self._metainfo['classes']}

    def prepare_data(self, idx: int) -> Any:
        """An item, as the pipeline makes it."""
        return self._prepare(idx, self.pipeline.transforms)

    def _prepare(self, idx: int, steps: Sequence[Callable]) -> Any:
        """An item as these steps make it; one that mixes videos is handed others, as the steps before it make them."""
        results: Any = self.get_data_info(idx)
        for place, step in enumerate(steps):
            if isinstance(step, MixVideos):
                others = step.choose(results['video_id'], self)
                results['mix_results'] = [self._prepare(other, steps[:place]) for other in others]
            if (results := step(results)) is None:  # mmengine then takes another item
                return None
        return results

    def filter_data(self) -> list[dict]:
        """The records, or one for each piece; without the empty ones, if asked for."""
        records = self.data_list
        if self.filter_empty:
            records = [record for record in records if not record['ignored'].all()]
            if len(records) < len(self.data_list):
                empty = [record['video_id'] for record in self.data_list if record['ignored'].all()]
                self._say(f'{len(empty)} of the {len(self.data_list)} videos', f'have no event: {some_of(empty)}')
        shaping = Shaping.of(self.pipeline.transforms)
        for record in records:
            record['expected_steps'] = self._expected_steps(record, shaping)
        return self._cut(records, shaping) if self.pieces else records

    def _expected_steps(self, record: dict, shaping: Shaping) -> int:
        """The steps that are left of a video at most; 1 for resized features, which are all of one length."""
        grid = record['streams'][shaping.reference(self.streams)]['grid']
        if grid is None:
            return 1
        _, num_steps = shaping(grid, grid.expected_steps(record['duration_sec'])[1])
        return min(num_steps, shaping.crop.max_len) if shaping.crop else num_steps

    def _cut(self, records: list[dict], shaping: Shaping) -> list[dict]:
        """A record for each piece, by the number of steps that the duration gives."""
        if shaping.crop is None:
            raise UserInputError('pieces=True of a data set needs an mmdel.RandomTemporalCrop in its pipeline')
        reference, found, num_all = shaping.reference(self.streams), [], 0
        for record in records:
            grid, learned = record['streams'][reference]['grid'], ~record['ignored']
            if grid is None:  # features that were resized to one length
                kept = learned.any(keepdims=True)
            else:
                grid, num_steps = shaping(grid, grid.expected_steps(record['duration_sec'])[1])
                kept = shaping.crop.pieces(grid.to_grid(record['segments_sec'][learned]), num_steps)
            num_all += len(kept)
            numbers = np.flatnonzero(kept) if self.filter_empty else range(len(kept))
            found += [{**record, 'piece': (int(number), len(kept))} for number in numbers]
        if len(found) < num_all:
            self._say(f'{num_all - len(found)} of the {num_all} pieces of {len(records)} videos', 'have no event')
        return found

    def _say(self, what: str, why: str) -> None:
        """Tells what is left out by ``filter_empty``."""
        subset = '+'.join(self.subsets)
        print_log(f'{what} of subset {subset} are left out (filter_empty): they {why}', logger='current')

    def locate(self, video_id: str, fps: float | None) -> dict[str, dict]:
        """The streams of a video: name → its ``files``, ``grid``, ``key``, ``channels``, ``resized``.

        The grid is None without a frame rate, and for resized features, whose grid depends on their length.

        Args:
            video_id: The video.
            fps: Its frame rate, for streams that give none.
        """
        located = {}
        for name, stream in self.streams.items():
            rate, resized = stream.get('fps') or fps, bool(stream.get('resized'))
            located[name] = dict(
                files=[
                    feature_path(os.path.join(self.data_root or '', stream['root'], pattern), video_id)
                    for pattern in stream['files']
                ],
                grid=None if resized or rate is None else FeatureGrid(stream['stride'], stream['window'], rate),
                key=stream.get('key'),
                channels=stream.get('channels'),
                resized=resized,
            )
        return located

    def lacking_files(self, streams: Iterable[dict[str, dict]], folders: Folders) -> list[list[str]]:
        """For each video's located streams the files that are not there. No file is opened."""
        return [
            [path for stream in located.values() for path in stream['files'] if not folders.has(path)]
            for located in streams
        ]

    def must_have_files(self, lacking: Sequence[Sequence[str]]) -> bool:
        """Whether lacking files stop the data set: unless it skips their videos, and some are left."""
        return self.missing == 'error' or (self.missing == 'skip' and all(lacking))

    def _with_files(self, records: list[dict]) -> list[dict]:
        """The records whose files exist."""
        if self.missing == 'ignore':
            return records
        folders = Folders()
        lacking = self.lacking_files((record['streams'] for record in records), folders)
        absent = [path for paths in lacking for path in paths]
        if not absent:
            return records
        skipped = [record['video_id'] for record, paths in zip(records, lacking, strict=True) if paths]
        message = (
            f'{len(skipped)} of the {len(records)} videos of subset {"+".join(self.subsets)} in '
            f'{self.ann_file} lack feature files ({len(absent)} files), e.g.\n  ' + '\n  '.join(absent[:3])
        )
        if self.must_have_files(lacking):
            looked = sorted({os.path.dirname(path) for path in absent})[:5]
            names = (f'{os.path.abspath(path)} ({folders.problems.get(path, "it is there")})' for path in looked)
            raise UserInputError(f'{message}\nLooked in: {", ".join(names)}\n{self.feature_help}'.rstrip())
        warn(f'{message}\nSkipped: {some_of(skipped)}')
        return [record for record, paths in zip(records, lacking, strict=True) if not paths]


def _as_list(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
