"""Events of a video by numpy and onnxruntime alone.

Shapes: T steps of a video, n windows of W steps at once, C_s channels of stream s, P points, C classes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mmdel.events import Events, Video
from mmdel.features.onnx_session import open_session
from mmdel.runtime.alignment import Block
from mmdel.runtime.bundle import OnnxBundle
from mmdel.runtime.candidates import find_candidates, likely
from mmdel.runtime.reading import Input, VideoReader
from mmdel.runtime.suppression import Candidates, SegmentSuppression
from mmdel.runtime.window_stream import WindowStream
from mmdel.structures.feature_grid import interpolate
from mmdel.utils.errors import UserInputError

MASK, OUTPUTS = 'mask', ('cls_logits', 'offsets')


class OnnxDetector:
    """Finds the events of videos with the ``model.onnx`` of a bundle, as ``mmdel.EventInferencer`` does with torch.

    Example::

        detector = OnnxDetector('my_model')
        for event in detector.detect('clip.mp4'):
            print(event.start_sec, event.end_sec, event.label, event.score)
        detector.detect(dict(visual=np.load('visual.npy'), audio='audio.npy'))

    Args:
        bundle: Its folder, or the name of one that is part of mmdel.
        score_thr: Leave events of a lower score out; None takes the bundle's own.
        classes: Leave events of other classes out; None keeps all.
        device: ``'cpu'``, or ``'cuda'`` where onnxruntime was built for it.

    Raises:
        UserInputError: If there is no such bundle, class or device, the bundle has no graph or another one than it
            says, or the score is no score.
    """

    def __init__(
        self,
        bundle: str | os.PathLike,
        score_thr: float | None = None,
        classes: Sequence[str] | None = None,
        device: str = 'cpu',
    ) -> None:
        self.bundle = OnnxBundle.load(bundle)
        self.settings = self.bundle.settings
        if score_thr is not None and not 0 <= score_thr <= 1:
            raise UserInputError(f'score_thr must be in [0, 1], got {score_thr}')
        self.score_thr = self.bundle.thresholds.get('score', 0.0) if score_thr is None else score_thr
        self.classes = self.bundle.classes if classes is None else tuple(classes)
        if unknown := sorted(set(self.classes) - set(self.bundle.classes)):
            raise UserInputError(f'the model has no class {unknown[0]!r}; it has {", ".join(self.bundle.classes)}')
        self.reader, self._suppress = VideoReader(self.bundle, device), SegmentSuppression(**self.settings.nms)
        self._session = open_session(self.bundle.graph, device)
        self._names = self._require_graph()

    def detect(self, video: str | os.PathLike | Mapping[str, Any], duration_sec: float | None = None) -> Events:
        """The events of one video, by their start, with scores.

        Args:
            video: A media file, or the features of each stream: an array (T_s, C_s), the path of an ``.npy`` file, or
                several such paths, put side by side.
            duration_sec: The length of a video that is given by its features; None takes theirs.

        Raises:
            UserInputError: If the video cannot be read, or its features do not fit the model.
        """
        if isinstance(video, Mapping):
            item = Input('the video', 'video', video, duration_sec)
        else:
            self.reader.require_media()
            item = Input(os.fspath(video), os.path.splitext(os.path.basename(video))[0])
        reading = self.reader.open(item)
        num_steps, found = self.search(reading)
        assert found is not None, 'a video that is read has steps'
        kept = self.finish(found, num_steps, reading.duration_sec)
        return self.events(kept, item.video_id, reading.duration_sec)

    def search(self, blocks: Iterable[Block]) -> tuple[int, Candidates | None]:
        """The steps T of a video, and its likely candidates, in steps of the grid that the model sees.

        What is longer than a window is searched while its blocks come in. None if there are no blocks.
        """
        windows, length = self.settings.windows, self.bundle.resized_length
        held: list[Block] = []
        stream, num_steps = None, 0
        for block in blocks:
            num_steps += len(block[self.reader.reference])
            if stream is not None:
                stream.push(block)
                continue
            held.append(block)
            if windows is not None and length is None and num_steps > windows.longest:
                stream = WindowStream(windows, self._find)
                stream.push(_join(held))
                held = []
        if stream is not None:
            return num_steps, stream.finish()
        return num_steps, self._search(_join(held), num_steps) if held else None

    def _search(self, features: Block, num_steps: int) -> Candidates:
        """The candidates of a video whose features (T, C_s) are at hand, resized if the bundle says so."""
        windows, length = self.settings.windows, self.bundle.resized_length
        if length is not None:
            grid = self.reader.grids[self.reader.reference]
            places = grid.positions(grid.resized(num_steps, length), 0, length)
            features, num_steps = {name: interpolate(x, places) for name, x in features.items()}, length
            if windows is not None and length > windows.longest:
                stream = WindowStream(windows, self._find)
                stream.push(features)
                return stream.finish()
        lacking = max(self.settings.min_steps - num_steps, 0)
        padded = {name: np.pad(x, ((0, lacking), (0, 0)))[None] for name, x in features.items()}
        mask = np.arange(num_steps + lacking)[None] < num_steps
        (found,) = self._find(padded, mask, mask)
        return found

    def most(self, num_steps: int) -> int:
        """The most events that the model gives of a video of T steps."""
        seen = num_steps if self.bundle.resized_length is None else self.bundle.resized_length
        return math.ceil(self._suppress.max_num * self.settings.share(seen))

    def finish(self, found: Candidates, num_steps: int, duration_sec: float | None) -> Candidates:
        """What suppression leaves of the candidates of a video of T steps, best first, in seconds."""
        grid, length = self.reader.grids[self.reader.reference], self.bundle.resized_length
        seen = grid if length is None else grid.resized(num_steps, length)
        kept = self._suppress(found, self.most(num_steps))
        return kept._replace(segments=seen.to_sec(kept.segments).clip(0.0, duration_sec))

    def events(self, kept: Candidates, video_id: str, duration_sec: float | None) -> Events:
        """The events that are wanted, by their start, of what :meth:`finish` gives."""
        wanted = [self.bundle.classes.index(name) for name in self.classes]
        kept = kept.take(np.flatnonzero((kept.scores >= self.score_thr) & np.isin(kept.labels, wanted)))
        segments_sec, scores = kept.segments.round(6), kept.scores.astype(np.float64)
        order = np.lexsort((-scores, segments_sec[:, 0]))
        start_sec, end_sec = segments_sec[order].T
        known, none = (Video(video_id, duration_sec),), np.zeros(len(order), np.int64)
        return Events(known, self.bundle.classes, none, kept.labels[order], start_sec, end_sec, scores[order].round(6))

    def _find(self, streams: Mapping[str, np.ndarray], mask: np.ndarray, own: np.ndarray) -> list[Candidates]:
        """The candidates of windows (n, W, C_s), of the points at their own steps (n, W)."""
        inputs = {
            name: np.zeros_like(streams[name]) if name in self.settings.zero_streams else streams[name]
            for name in self._names
        }
        try:
            outputs = self._session.run(OUTPUTS, {**inputs, MASK: mask})
        except Exception as error:  # onnxruntime's own kinds have no common base
            reason = str(error).splitlines()[0]
            raise UserInputError(f'{self.bundle.graph} fails at {mask.shape[1]} steps: {reason}') from error
        settings = self.settings
        points = sum(-(-mask.shape[1] // 2**level) for level in range(settings.num_levels))
        cls_logits, offsets = outputs
        if (
            cls_logits.shape != (len(mask), points, len(self.bundle.classes))
            or offsets.shape[:2] != cls_logits.shape[:2]
            or offsets.shape[2:] not in ((1, 2), (cls_logits.shape[2], 2))
        ):
            raise UserInputError(
                f'{self.bundle.graph} gives {cls_logits.shape} and {offsets.shape}, and the bundle has '
                f'{len(self.bundle.classes)} classes and {settings.num_levels} levels, {points} points'
            )
        found = []
        for logits, distances, counted, valid in zip(cls_logits, offsets, own, mask, strict=True):
            most = math.ceil(settings.pre_nms_num * settings.share(int(valid.sum())))
            found.append(likely(find_candidates(logits, distances, counted, settings.num_levels, most), settings))
        return found

    def _require_graph(self) -> list[str]:
        """The names of the streams that the graph reads.

        Raises:
            UserInputError: If it takes or gives something else than the bundle says.
        """
        given = {item.name: (item.type, item.shape) for item in self._session.get_inputs()}
        names = [name for name in given if name != MASK]
        outputs = {item.name for item in self._session.get_outputs()}
        fitting = all(
            name in self.bundle.streams
            and given[name][0] == 'tensor(float)'
            and len(given[name][1]) == 3
            and given[name][1][2] == self.bundle.streams[name]['channels']
            for name in names
        )
        if not (fitting and names and given.get(MASK, ('',))[0] == 'tensor(bool)' and outputs >= set(OUTPUTS)):
            channels = {name: stream['channels'] for name, stream in self.bundle.streams.items()}
            raise UserInputError(
                f'{self.bundle.graph} takes {given} and gives {sorted(outputs)}; expected float32 (B, T, channels) of '
                f'streams with the channels {channels}, {MASK!r} (B, T) bool, and {" and ".join(OUTPUTS)}'
            )
        return names


def _join(blocks: Sequence[Block]) -> Block:
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
