"""Writing a model's detections as a result file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdel.evaluation.metrics.event_map import prediction_arrays
from mmdel.registry import METRICS
from mmdel.utils.files import write_json


@METRICS.register_module()
class DumpEvents(BaseMetric):
    """Write the detections of all videos in ActivityNet's result format, and measure nothing.

    The file holds ``{"version": …, "results": {id: [{"segment": [start, end], "label": name, "score": x}, …]}}``, times
    in seconds. It appears whole or not at all.

    Args:
        out_file: Path of the JSON file; folders are created.
        kwargs: Of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If ``out_file`` does not end in .json.
    """

    default_prefix = 'dump'

    def __init__(self, out_file: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not str(out_file).endswith('.json'):
            raise ValueError(f'out_file of DumpEvents must end in .json, got {out_file!r}')
        self.out_file = Path(out_file)

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Keep the predictions of each data sample (an ``EventDataSample`` as a dict)."""
        self.results.extend(prediction_arrays(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Write the file, on the main process."""
        classes = (self.dataset_meta or {}).get('classes')
        events = {
            video['video_id']: [
                dict(
                    segment=[round(start, 6), round(end, 6)],
                    label=classes[label] if classes else str(label),
                    score=score,
                )
                for (start, end), label, score in zip(
                    video['segments'].tolist(), video['labels'].tolist(), video['scores'].tolist(), strict=True
                )
            ]
            for video in results
        }
        write_json(self.out_file, dict(version='mmdel', results=events))
        print_log(f'Events of {len(results)} videos written to {self.out_file}', logger='current')
        return {}
