"""From videos to their events.

Shapes: k steps of a block, T steps of a video, C_s channels of stream s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData

from mmdel.datasets.transforms.aligning import resample
from mmdel.events import Events, Video
from mmdel.inference.bundle import Bundle
from mmdel.inference.detection import Detection
from mmdel.inference.export import make_bundle
from mmdel.inference.inputs import list_inputs
from mmdel.inference.reading import StoredVideoReader
from mmdel.inference.reading_ahead import ReadVideo, read_ahead
from mmdel.models.detectors.window_stream import WindowStream
from mmdel.runtime.alignment import Block
from mmdel.runtime.bundle import find_bundle
from mmdel.runtime.reading import Input
from mmdel.structures import EventDataSample
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import nearest
from mmdel.utils.number_format import autocast, choose, convert_weights
from mmdel.utils.progress import Advance
from mmdel.utils.read_config import read_config


@dataclass
class _Loaded:
    """A video of which the model has yet to see all (``features``), or has seen all but the end (``found``)."""

    video: ReadVideo
    features: Block | None = None
    found: InstanceData | None = None
    num_windows: float = 1.0
    seconds: float = 0.0


class EventInferencer:
    """Finds events in media files and features; a long video in windows, with bounded memory.

    Example::

        detect = EventInferencer('demo')
        for video in detect('videos/'):
            print(video.path, list(video.events))

    Args:
        model: A bundle, its folder, or the name of one that is part of mmdel, ``'demo'``. With ``checkpoint`` a config.
        checkpoint: Of a config. **A config is a program, and is run**; a bundle is data.
        device: Where the model runs, as torch names it; None takes a GPU if there is one.
        batch_size: Videos, no longer than a window, that go through the model at once. It changes no result.
        score_thr: Leave events of a lower score out; None takes the bundle's own.
        classes: Leave events of other classes out; None keeps all.
        num_workers: Threads that read videos, each one of its own.
        amp: The number format of the model's arithmetic, 'bf16', 'fp16', or 'off' for float32; None: bfloat16 where the
            device has units for it, else float32. In half precision, a result differs in its last digits from batch to
            batch.

    Attributes:
        number_format: That format by its full name.

    Raises:
        UserInputError: If there is no such model, class, device or format, or a number is out of its range.
    """

    def __init__(
        self,
        model: str | os.PathLike | Bundle = 'demo',
        checkpoint: str | os.PathLike | None = None,
        device: str | None = None,
        batch_size: int = 1,
        score_thr: float | None = None,
        classes: Sequence[str] | None = None,
        num_workers: int = 1,
        amp: str | None = None,
    ) -> None:
        if checkpoint is not None:
            model = make_bundle(read_config(os.fspath(model)), os.fspath(checkpoint))  # type: ignore[arg-type]
        self.bundle = model if isinstance(model, Bundle) else Bundle.load(find_bundle(model))
        if batch_size < 1 or num_workers < 1:
            raise UserInputError(f'batch_size and num_workers must be 1 or more, got {batch_size} and {num_workers}')
        if score_thr is not None and not 0 <= score_thr <= 1:
            raise UserInputError(f'score_thr must be in [0, 1], got {score_thr}')
        self.batch_size, self.num_workers = batch_size, num_workers
        self.score_thr = self.bundle.thresholds.get('score', 0.0) if score_thr is None else score_thr
        self.classes = self.bundle.classes if classes is None else tuple(classes)
        for name in self.classes:
            if name not in self.bundle.classes:
                hint = nearest(name, set(self.bundle.classes))
                raise UserInputError(f'the model has no class {name!r}{hint}; it has {", ".join(self.bundle.classes)}')
        self.device, self.amp = _device(device), amp
        self.number_format = choose(self.device, amp)
        self.model: Any = self.bundle.build_model(self.device)
        convert_weights(self.model, self.number_format)
        self.reader = StoredVideoReader(self.bundle, str(self.device))

    def __call__(self, inputs: Any, advance: Advance | None = None) -> Iterator[Detection]:
        """The events of each video, as soon as they are found, in the order of the inputs.

        Args:
            inputs: Media files, folders of them or patterns; folders that ``mmdel extract`` has written; mappings
                ``dict(visual=…, audio=…)`` of features, each an array (T, C) or the path or paths of files, with
                ``video_id`` and ``duration_sec`` where these are known; or a list or any iterable of such.
            advance: Told of each block what was read, as 0 videos and so many seconds, and of each video.

        Raises:
            UserInputError: If a path names nothing, or the model cannot read media. What is wrong with one video is
                the ``error`` of its detection.
        """
        videos = read_ahead(self._checked(inputs), self.reader, self.num_workers, self.num_workers + self.batch_size)
        waiting: list[_Loaded] = []
        with closing(videos):  # else its threads outlive a fault of the model
            for video in videos:
                loaded = self._load(video, advance)
                waiting.append(loaded)
                num_short = sum(other.features is not None for other in waiting)
                if loaded.features is None or num_short == self.batch_size:
                    yield from self._finish(waiting)
                    waiting = []
            yield from self._finish(waiting)

    def _checked(self, inputs: Any) -> Iterator[Input]:
        """The videos; stops at the first media file if none can be read."""
        for item in list_inputs(inputs):
            if not (item.features or item.error):
                self.reader.require_media()
            yield item

    @torch.inference_mode()  # here and not around what yields: it would hold for whoever takes the detections
    def _load(self, video: ReadVideo, advance: Advance | None) -> _Loaded:
        """Takes a video's blocks: those of a short one are kept, and a long one is searched on the way."""
        sliding, shaping = self.model.sliding_window, self.reader.shaping
        whole, reference = sliding is None or shaping.resize is not None, self.reader.reference
        blocks: list[Block] = []
        stream: WindowStream | None = None
        num_steps, seconds = 0, 0.0
        for block in video:
            if advance is not None:
                advance(0, len(block[reference]) * self.reader.grids[reference].step_sec)
            if stream is None:
                blocks.append(block)
                num_steps += len(block[reference])
                if whole or num_steps <= sliding.window:
                    continue
                stream = self.model.open_stream()
                block, blocks = _join(blocks), []
            begun = time.perf_counter()
            with autocast(self.device, self.number_format):
                stream.push(self._tensors(block))
            seconds += time.perf_counter() - begun
        if advance is not None:
            advance(1, 0.0)
        if video.error is not None:
            return _Loaded(video)
        if stream is None:
            return _Loaded(video, features=_join(blocks))
        begun = time.perf_counter()
        with autocast(self.device, self.number_format):
            found = stream.finish(self._sample(video, stream.num_steps))
        num_windows = sliding.num_windows(stream.num_steps)
        return _Loaded(video, None, found, num_windows, seconds + time.perf_counter() - begun)

    def _finish(self, waiting: Sequence[_Loaded]) -> Iterator[Detection]:
        """The detections of videos, after the model has seen the short ones of them together."""
        short = [loaded for loaded in waiting if loaded.features is not None]
        if short:
            begun = time.perf_counter()
            for loaded, found in zip(short, self._predict(short), strict=True):
                loaded.found = found
            for loaded in short:
                loaded.seconds += (time.perf_counter() - begun) / len(short)
        for loaded in waiting:
            video = loaded.video
            yield Detection(
                video.item.path,
                video.item.video_id,
                self._events(video, loaded.found),
                video.duration_sec,
                video.error,
                [*video.notes, *self._limit_reached(loaded)],
                video.seconds + loaded.seconds,
            )

    def _limit_reached(self, loaded: _Loaded) -> list[str]:
        """A note if a video may have more events than the model gives of one of its length."""
        found, limit = loaded.found, getattr(self.model.head, 'nms', None)
        if found is None or limit is None:
            return []
        most = limit.most(loaded.num_windows)
        if len(found.scores) < most or found.scores.min() < self.score_thr:
            return []
        return [f'the model gives {most} events of a video this long at most, and all of these are above the threshold']

    @torch.inference_mode()
    def _predict(self, short: Sequence[_Loaded]) -> list[InstanceData]:
        """The events of videos that are seen in one piece."""
        resize, inputs, samples = self.reader.shaping.resize, [], []
        for loaded in short:
            assert loaded.features is not None
            features, num_steps = loaded.features, len(loaded.features[self.reader.reference])
            sample = self._sample(loaded.video, num_steps)
            if resize is not None:
                grid = sample.grid.resized(num_steps, resize.length)
                features = {
                    name: resample(feature, sample.grid, grid, resize.length, 'linear')
                    for name, feature in features.items()
                }
                sample.set_metainfo(dict(grid=grid, num_steps=resize.length))
            inputs.append(features)
            samples.append(sample)
        streams = {name: [torch.from_numpy(features[name]) for features in inputs] for name in self.reader.grids}
        batch = self.model.data_preprocessor(dict(inputs=streams, data_samples=samples))
        with autocast(self.device, self.number_format):
            return [sample.pred_instances for sample in self.model(**batch, mode='predict')]

    def _sample(self, video: ReadVideo, num_steps: int) -> EventDataSample:
        """What the model is told of a video."""
        duration_sec = np.inf if video.duration_sec is None else video.duration_sec
        grid = self.reader.grids[self.reader.reference]
        metainfo = dict(video_id=video.item.video_id, duration_sec=duration_sec, num_steps=num_steps, grid=grid)
        return EventDataSample(metainfo=metainfo)

    def _tensors(self, block: Block) -> dict[str, torch.Tensor]:
        zeroed: frozenset[str] = getattr(self.model.data_preprocessor, 'zero_streams', frozenset())
        rows = {name: torch.from_numpy(x).to(self.device) for name, x in block.items()}
        return {name: torch.zeros_like(x) if name in zeroed else x for name, x in rows.items()}

    def _events(self, video: ReadVideo, found: InstanceData | None) -> Events:
        """A video's events that are wanted."""
        known = (Video(video.item.video_id, video.duration_sec),)
        if found is None:
            return Events(known, self.bundle.classes, scores=np.zeros(0))
        segments_sec, scores = found.segments_sec.double().cpu().numpy().round(6), found.scores.double().cpu().numpy()
        labels = found.labels.cpu().numpy()
        wanted = [self.bundle.classes.index(name) for name in self.classes]
        kept = np.flatnonzero((scores >= self.score_thr) & np.isin(labels, wanted))
        kept = kept[np.lexsort((-scores[kept], segments_sec[kept, 0]))]
        start_sec, end_sec = segments_sec[kept].T
        none = np.zeros(len(kept), np.int64)
        return Events(known, self.bundle.classes, none, labels[kept], start_sec, end_sec, scores[kept].round(6))


def _join(blocks: Sequence[Block]) -> Block:
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _device(name: str | None) -> torch.device:
    """The device of a name, if it can be used."""
    try:
        device = torch.device(name or ('cuda' if torch.cuda.is_available() else 'cpu'))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split('\n')[0]
        raise UserInputError(f'the device {name!r} cannot be used: {reason}') from error
    return device
