"""Writing a model's detections as a result file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdel.evaluation.metrics.event_map import join_columns, prediction_arrays
from mmdel.events import Events, Video
from mmdel.events.writing import choose_format, write_events
from mmdel.registry import METRICS


@METRICS.register_module()
class DumpEvents(BaseMetric):
    """Write the detections of all videos in a format of ``docs/formats.md``, and measure nothing.

    A ``.json`` is ActivityNet's result format: ``{"version": …, "results": {id: [{"segment": [start, end], "label":
    name, "score": x}, …]}}``, times in seconds. A file appears whole or not at all.

    Args:
        out_file: Path of the file; folders are created, a file that is there is replaced.
        format: Name of the format, if the suffix does not tell.
        kwargs: Of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If the suffix of ``out_file`` names no format.
    """

    default_prefix = 'dump'

    def __init__(self, out_file: str, format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_file, self.format = str(out_file), format
        if format is None:
            choose_format(Events(scores=np.zeros(0)), out_file)

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Keep the predictions of each data sample (an ``EventDataSample`` as a dict)."""
        durations = ({'duration_sec': sample.get('duration_sec')} for sample in data_samples)
        self.results.extend(prediction_arrays(s) | d for s, d in zip(data_samples, durations, strict=True))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Write the file, on the main process."""
        numbers, labels, segments, scores = join_columns(results)
        classes = (self.dataset_meta or {}).get('classes') or map(str, range(1 + labels.max(initial=-1)))
        videos = tuple(Video(video['video_id'], video['duration_sec']) for video in results)
        start_sec, end_sec = segments.round(6).T
        events = Events(videos, tuple(classes), numbers, labels, start_sec, end_sec, scores)
        write_events(events, self.out_file, self.format, overwrite=True)
        print_log(f'Events of {len(results)} videos written to {self.out_file}', logger='current')
        return {}
