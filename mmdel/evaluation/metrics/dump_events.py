"""Writing a model's detections as a result file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdel.evaluation.metrics.event_map import prediction_arrays
from mmdel.registry import METRICS


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

    def __init__(self, out_file: str, **kwargs) -> None:
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
        write_events(
            self.out_file,
            {
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
            },
        )
        print_log(f'Events of {len(results)} videos written to {self.out_file}', logger='current')
        return {}


def write_events(out_file: str | os.PathLike, results: dict[str, list[dict]]) -> None:
    """Write ``results`` (video id → detections) as a result file, atomically; folders are created."""
    path = Path(out_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            json.dump(dict(version='mmdel', results=results), file, ensure_ascii=False)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
