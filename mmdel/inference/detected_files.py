"""The files that ``mmdel detect`` writes: a folder of them, or one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mmdel.events import write_events
from mmdel.events.formats import load_formats
from mmdel.events.writing import choose_format
from mmdel.inference.detection import Detection, Inferencer
from mmdel.inference.journal import join
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import file_name

PLAIN = ('activitynet_results', 'csv')  # whose suffix tells what they are


class DetectedFiles:
    """Where what goes, decided before any time is spent.

    Of an output folder that this project has begun, all but the records of the videos is made anew from those.

    Args:
        out: The folder; one file, if the name has a suffix.
        formats: Names of formats, ``json`` for ActivityNet's results, which a folder always gets.
        report: The page to write; empty: one in the folder; None: none.
        overwrite: Whether files that are there may be replaced.
        num_videos: Videos to be written.
        begun: Whether the folder is one that an earlier call has begun.

    Raises:
        UserInputError: If a file is there and may not be replaced, or the suffix means no format of all these videos.
    """

    def __init__(
        self, out: str, formats: Sequence[str], report: str | None, overwrite: bool, num_videos: int, begun: bool
    ) -> None:
        self.out, self.is_one = Path(out), bool(Path(out).suffix) and not Path(out).is_dir()
        self.formats = list(dict.fromkeys(_full_name(name) for name in ([] if self.is_one else ['json']) + [*formats]))
        if self.is_one and len(self.formats) > 1:
            raise UserInputError(f'--out {out} is one file, and there are {len(self.formats)} formats: name a folder')
        self.report = None if report is None else Path(report) if report else self._own_report()
        if self.is_one:
            events = join([])
            kind = load_formats()[self.formats[0]] if self.formats else choose_format(events, self.out)
            if kind.FORMAT.per_video and num_videos != 1:
                raise UserInputError(
                    f'{kind.FORMAT.name} holds one video a file, and there are {num_videos}: name a folder as '
                    f'--out, and --format {kind.FORMAT.name}'
                )
        targets = [self.out] if self.is_one else [] if begun else [self._path(name) for name in self.formats]
        if self.report is not None and not (begun and self.report.parent == self.out):
            targets.append(self.report)
        there = [str(path) for path in targets if os.path.lexists(path)]
        if there and not overwrite:
            raise UserInputError(f'{there[0]} exists and is left alone; name another --out, or say --overwrite')

    def write_video(self, detection: Detection) -> None:
        """The files of one video."""
        for name in self.formats:
            if load_formats()[name].FORMAT.per_video and detection.error is None:
                suffix = load_formats()[name].FORMAT.suffixes[0]
                path = self._path(name) / f'{file_name(detection.video_id)}{suffix}'
                write_events(detection.events, path, name, overwrite=True)

    def write_all(self, found: Sequence[Detection], inferencer: Inferencer) -> list[Path]:
        """The files of all videos, and those of single ones that are lacking; returns what there is now."""
        events, written = join(found), []
        if self.is_one:
            written += write_events(events, self.out, next(iter(self.formats), None), overwrite=True)
        for name in [] if self.is_one else self.formats:
            if load_formats()[name].FORMAT.per_video:
                lacking = self._lacking(name, found)
                for detection in lacking:
                    self.write_video(detection)
            else:
                write_events(events, self._path(name), name, overwrite=True)
            written.append(self._path(name))
        if self.report is not None:
            from mmdel.visualization.report import write_report

            media = {detection.video_id: detection.path for detection in found if detection.error is None}
            title, score_thr = 'Events that were found', inferencer.score_thr
            provenance = dict(inferencer.bundle.provenance, number_format=inferencer.number_format)
            write_report(self.report, events, None, media, title, score_thr, overwrite=True, provenance=provenance)
            written.append(self.report)
        return written

    def _lacking(self, name: str, found: Sequence[Detection]) -> list[Detection]:
        """The videos without a file of a format."""
        suffix = load_formats()[name].FORMAT.suffixes[0]
        there = {path.name for path in self._path(name).glob(f'*{suffix}')} if self._path(name).is_dir() else set()
        return [detection for detection in found if f'{file_name(detection.video_id)}{suffix}' not in there]

    def _path(self, name: str) -> Path:
        """The file of a format, or its folder where it holds one video a file."""
        kind = load_formats()[name].FORMAT
        if kind.per_video:
            return self.out / name
        return self.out / (f'events{kind.suffixes[0]}' if name in PLAIN else f'{name}{kind.suffixes[0]}')

    def _own_report(self) -> Path:
        return self.out.with_suffix('.html') if self.is_one else self.out / 'report.html'


def _full_name(name: str) -> str:
    return 'activitynet_results' if name == 'json' else name
