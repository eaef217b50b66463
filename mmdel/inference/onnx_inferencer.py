"""From videos to their events, where torch is not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from mmdel.events import Events, Video
from mmdel.inference.detection import Detection
from mmdel.inference.inputs import list_inputs
from mmdel.inference.reading_ahead import ReadVideo, read_ahead
from mmdel.runtime import OnnxDetector
from mmdel.runtime.alignment import Block
from mmdel.runtime.reading import Input
from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import NumberFormat
from mmdel.utils.progress import Advance


class OnnxInferencer:
    """What :class:`~mmdel.inference.EventInferencer` is with torch; ``mmdel detect`` takes it where torch is not.

    Args:
        model: A bundle with a graph: its folder, or the name of one that is part of mmdel.
        device: See :class:`~mmdel.runtime.OnnxDetector`; None is ``'cpu'``.
        score_thr: Leave events of a lower score out; None takes the bundle's own.
        classes: Leave events of other classes out; None keeps all.
        num_workers: Threads that read videos, each one of its own.

    Raises:
        UserInputError: As of :class:`~mmdel.runtime.OnnxDetector`.
    """

    def __init__(
        self,
        model: str | os.PathLike,
        device: str | None = None,
        score_thr: float | None = None,
        classes: Sequence[str] | None = None,
        num_workers: int = 1,
    ) -> None:
        if num_workers < 1:
            raise UserInputError(f'num_workers must be 1 or more, got {num_workers}')
        self.detector = OnnxDetector(model, score_thr, classes, device or 'cpu')
        self.bundle, self.score_thr, self.classes = (
            self.detector.bundle,
            self.detector.score_thr,
            self.detector.classes,
        )
        self.num_workers = num_workers
        self.amp: str | None = None
        self.number_format: NumberFormat = 'float32'

    def __call__(self, inputs: Any, advance: Advance | None = None) -> Iterator[Detection]:
        """The events of each video, in the order of the inputs; see :class:`~mmdel.inference.EventInferencer`.

        Raises:
            UserInputError: If a path names nothing, or the model cannot read media. What is wrong with one video is
                the ``error`` of its detection.
        """
        reader = self.detector.reader
        with closing(read_ahead(self._checked(inputs), reader, self.num_workers, self.num_workers + 1)) as videos:
            for video in videos:
                yield self._detect(video, advance)

    def _detect(self, video: ReadVideo, advance: Advance | None) -> Detection:
        """The events of a video that is being read."""
        begun, waited = time.perf_counter(), 0.0
        reference = self.detector.reader.reference
        step_sec = self.detector.reader.grids[reference].step_sec

        def told() -> Iterator[Block]:
            nonlocal waited
            blocks = iter(video)
            while True:
                asked = time.perf_counter()
                block = next(blocks, None)
                waited += time.perf_counter() - asked
                if block is None:
                    return
                if advance is not None:
                    advance(0, len(block[reference]) * step_sec)
                yield block

        num_steps, found = self.detector.search(told())
        if advance is not None:
            advance(1, 0.0)
        item, notes = video.item, [*video.notes]
        if found is None or video.error is not None:
            events = Events((Video(item.video_id, video.duration_sec),), self.bundle.classes, scores=np.zeros(0))
        else:
            kept = self.detector.finish(found, num_steps, video.duration_sec)
            events, most = self.detector.events(kept, item.video_id, video.duration_sec), self.detector.most(num_steps)
            if len(kept.scores) == most and kept.scores[-1] >= self.score_thr:
                notes.append(
                    f'the model gives {most} events of a video this long at most, and all of these are above the '
                    'threshold'
                )
        seconds = video.seconds + time.perf_counter() - begun - waited
        return Detection(item.path, item.video_id, events, video.duration_sec, video.error, notes, seconds)

    def _checked(self, inputs: Any) -> Iterator[Input]:
        """The videos; stops at the first media file if none can be read."""
        for item in list_inputs(inputs):
            if not (item.features or item.error):
                self.detector.reader.require_media()
            yield item
