"""The one dataset class: annotations and per-stream feature files of untrimmed videos."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Literal

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmdel.datasets.annotation_file import (
    canonical_subset,
    collect_classes,
    load_database,
    parse_videos,
    some_of,
)
from mmdel.datasets.feature_store import feature_shape, list_folder
from mmdel.datasets.transforms.aligning import end_sec
from mmdel.registry import DATASETS
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError


@DATASETS.register_module()
class EventDataset(BaseDataset):
    """Videos with their events and the feature files of their streams.

    A record has ``video_id``, ``duration_sec``, ``fps``, ``segments_sec`` (N, 2) float64, ``labels`` (N,) int64,
    ``ignored`` (N,) bool and ``streams``: name → dict(``files`` paths, ``grid`` the stream's :class:`FeatureGrid`,
    ``key``, ``channels``); in the pipeline it has the ``classes`` besides. Files are looked for when the dataset is
    initialised, and opened by the pipeline.

    Events that reach beyond their video are clipped to it for training; with ``test_mode`` they stay as annotated.

    Args:
        ann_file: Annotation file in ActivityNet's layout, see :mod:`mmdel.datasets.annotation_file`, or a table. Videos
            of which it tells no duration have that of their features.
        streams: Name → dict with ``root`` (folder, or packed file), ``files`` (patterns with ``{id}``; several are
            concatenated on the channels), ``stride`` and ``window`` in frames, and optionally ``fps`` (frames, or for
            sound hops, a second; None means the annotation's), ``key`` (array of an ``.npz``), ``channels`` (the width
            to check).
        subset: Name or names of the subsets to read. Letter case does not matter, and ``train``/``training``,
            ``val``/``validation``, ``test``/``testing`` mean the same.
        csv: Which columns of a table say what, see :class:`~mmdel.datasets.csv_annotations.CsvLayout`.
        classes: Class names in the order of their numbers. None takes them from the whole file.
        num_classes: How many classes there are, so that those at the end without any event have their number too, and
            more are an error.
        ignore_labels: Labels that are neither learned nor counted as false alarms, e.g. THUMOS14's ``Ambiguous``.
        filter_empty: Leave out videos without a (not ignored) event.
        missing: What to do about videos with missing feature files: ``'error'``, ``'skip'`` with a warning, or
            ``'ignore'``, for what reads no features.
        feature_help: How to get the files; shown when some are missing.
        kwargs: ``data_root`` (``ann_file`` and roots are relative to it), ``metainfo``, ``indices``, ``pipeline``,
            ``test_mode``, ``serialize_data``, ``lazy_init`` of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        UserInputError: If files are missing or the annotations are wrong; on initialisation.
    """

    def __init__(
        self,
        ann_file: str,
        streams: dict[str, dict],
        subset: str | Sequence[str],
        csv: dict | None = None,
        classes: Sequence[str] | None = None,
        num_classes: int | None = None,
        ignore_labels: Sequence[str] = (),
        filter_empty: bool = False,
        missing: Literal['error', 'skip', 'ignore'] = 'error',
        feature_help: str = '',
        **kwargs,
    ) -> None:
        if missing not in ('error', 'skip', 'ignore'):
            raise ValueError(f"missing must be 'error', 'skip' or 'ignore', got {missing!r}")
        if not streams:
            raise ValueError('streams must name at least one stream')
        self.streams = {name: self._check_stream(name, stream) for name, stream in streams.items()}
        self.subsets = [subset] if isinstance(subset, str) else list(subset)
        self.csv = csv
        self.classes = classes
        self.num_classes = num_classes
        self.ignore_labels = frozenset(ignore_labels)
        self.filter_empty = filter_empty
        self.missing = missing
        self.feature_help = feature_help
        super().__init__(ann_file=ann_file, **kwargs)

    @staticmethod
    def _check_stream(name: str, stream: dict) -> dict:
        required, optional = {'root', 'files', 'stride', 'window'}, {'fps', 'key', 'channels'}
        if not required <= stream.keys() <= required | optional:
            raise ValueError(
                f'stream {name!r} needs {sorted(required)} and may have {sorted(optional)}, got {sorted(stream)}'
            )
        if isinstance(stream['files'], str) or not all('{id}' in pattern for pattern in stream['files']):
            raise ValueError(f"files of stream {name!r} must be a list of names with '{{id}}', got {stream['files']}")
        return dict(stream)

    def load_data_list(self) -> list[dict]:
        """The records of the subset."""
        table = self.ann_file.replace('{subset}', [*(self.csv or {}).get('subsets', ()), ''][0])
        if not os.path.isfile(table):
            patterns = [pattern for stream in self.streams.values() for pattern in self._paths(stream)]
            raise UserInputError(
                f'Annotation file not found: {os.path.abspath(table)}\n'
                f'The features of the videos it names are expected in {", ".join(patterns)}\n'
                f'{self.feature_help}'.rstrip()
            )
        database = load_database(self.ann_file, self.csv)
        classes = self.classes or self._metainfo.get('classes')
        if not classes:
            classes = collect_classes(database, self.ann_file, self.ignore_labels, self.num_classes)
        self._metainfo['classes'] = tuple(classes)
        self._fill_durations(database)
        # What is learned lies inside its video; what is scored is the truth as annotated.
        records = parse_videos(
            database, self.ann_file, self.subsets, tuple(classes), self.ignore_labels, clip=not self.test_mode
        )
        for record in records:
            record['streams'] = {name: self._locate(stream, record) for name, stream in self.streams.items()}
        return self._with_files(records)

    def _fill_durations(self, database: dict[str, dict]) -> None:
        """Gives the subset's videos without a duration the end of what their features of the first stream cover."""
        subsets = {canonical_subset(subset) for subset in self.subsets}
        stream = next(iter(self.streams.values()))
        listings: dict[str, set[str]] = {}
        for video_id, entry in database.items():
            if (
                entry.keys() & {'duration', 'duration_second'}
                or canonical_subset(entry.get('subset', '')) not in subsets
            ):
                continue
            located = self._locate(stream, dict(video_id=video_id, fps=entry.get('fps')))
            path = located['files'][0]
            if _is_listed(path, listings):
                entry['duration'] = end_sec(located['grid'], feature_shape(path, located['key'])[0][0])
            else:  # it will be reported for its file
                entry['duration'] = max((a['segment'][1] for a in entry.get('annotations') or ()), default=0.0) or 1.0

    def get_data_info(self, idx: int) -> dict:
        """The record of a video, with the ``classes`` that its labels number."""
        return {**super().get_data_info(idx), 'classes': self._metainfo['classes']}

    def filter_data(self) -> list[dict]:
        """The records without the empty ones, if asked for."""
        if not self.filter_empty:
            return self.data_list
        return [record for record in self.data_list if not record['ignored'].all()]

    def _locate(self, stream: dict, record: dict) -> dict:
        """The files and the time grid of one stream of one video."""
        fps = stream.get('fps') or record['fps']
        if fps is None:
            raise UserInputError(f"{self.ann_file}, video {record['video_id']}: no fps; give it in the stream's config")
        return dict(
            files=[path.replace('{id}', record['video_id']) for path in self._paths(stream)],
            grid=FeatureGrid(stream['stride'], stream['window'], fps),
            key=stream.get('key'),
            channels=stream.get('channels'),
        )

    def _paths(self, stream: dict) -> list[str]:
        """The paths of a stream's files, with ``{id}`` for the video."""
        return [os.path.join(self.data_root or '', stream['root'], pattern) for pattern in stream['files']]

    def _with_files(self, records: list[dict]) -> list[dict]:
        """The records whose files exist. Each folder is listed once; no file is opened."""
        if self.missing == 'ignore':
            return records
        listings: dict[str, set[str]] = {}
        absent: list[str] = []
        complete: list[dict] = []
        for record in records:
            paths = [path for stream in record['streams'].values() for path in stream['files']]
            lacking = [path for path in paths if not _is_listed(path, listings)]
            absent += lacking
            if not lacking:
                complete.append(record)
        if not absent:
            return records
        message = (
            f'{len(records) - len(complete)} of the {len(records)} videos of subset {"+".join(self.subsets)} in '
            f'{self.ann_file} lack feature files ({len(absent)} files), e.g.\n  ' + '\n  '.join(absent[:3])
        )
        if self.missing == 'error' or not complete:
            folders = ', '.join(sorted({os.path.abspath(os.path.dirname(path)) for path in absent})[:5])
            raise UserInputError(f'{message}\nLooked in: {folders}\n{self.feature_help}'.rstrip())
        kept = {record['video_id'] for record in complete}
        skipped = [record['video_id'] for record in records if record['video_id'] not in kept]
        print_log(
            f'{message}\nSkipped: {some_of(skipped)}',
            logger='current',
            level=logging.WARNING,
        )
        return complete


def _is_listed(path: str, listings: dict[str, set[str]]) -> bool:
    """Whether a file exists, by the listing of its folder."""
    folder, name = os.path.split(path)
    if folder not in listings:
        listings[folder] = list_folder(folder)
    return name in listings[folder]
