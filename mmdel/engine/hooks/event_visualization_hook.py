"""Timelines of the true and predicted events, drawn while validating or testing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdel.events.picture import write_png
from mmdel.registry import HOOKS
from mmdel.structures import EventDataSample
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import file_name
from mmdel.visualization.timeline import draw_timeline


@HOOKS.register_module()
class EventVisualizationHook(Hook):
    """Writes a picture of every ``interval``-th video, as ``tools/test.py --show-dir`` asks.

    Its name is the id, written as :func:`~mmdel.utils.names.file_name` writes it.

    Args:
        enable: Whether to draw at all.
        interval: One video of this many is drawn, counted on each process.
        out_dir: Folder for the pictures, made when needed; those of a validation go into its subfolder
            ``epoch_<n>``. Default: ``events`` in the run's log folder.
        min_score: Predictions below it are left out.
        show: Only False: there is no window. It is here, like ``wait_time``, because MMAction2's own test tool sets it.
        wait_time: Not used.

    Raises:
        UserInputError: If ``show`` is set or ``interval`` is below 1.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        enable: bool = False,
        interval: int = 1,
        out_dir: str | None = None,
        min_score: float = 0.1,
        show: bool = False,
        wait_time: float = 0.0,
    ) -> None:
        if show:
            raise UserInputError('timelines are written to files, not shown in a window; use --show-dir')
        if interval < 1:
            raise UserInputError(f'interval of the timelines must be 1 or more, got {interval}')
        self.enable = enable
        self.interval = interval
        self.out_dir = out_dir
        self.min_score = min_score
        self.num_seen = 0

    def before_val_epoch(self, runner: Runner) -> None:
        self.num_seen = 0

    def before_test_epoch(self, runner: Runner) -> None:
        self.num_seen = 0

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[EventDataSample] | None = None,
    ) -> None:
        self._draw(runner, outputs or (), f'epoch_{runner.epoch}')

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[EventDataSample] | None = None,
    ) -> None:
        self._draw(runner, outputs or (), '')

    def _draw(self, runner: Runner, samples: Sequence[EventDataSample], subfolder: str) -> None:
        if not self.enable:
            return
        folder = Path(self.out_dir or Path(runner.log_dir, 'events'), subfolder)
        folder.mkdir(parents=True, exist_ok=True)
        class_names = (runner.visualizer.dataset_meta or {}).get('classes') or None  # of the data set, set by the loop
        for sample in samples:
            if self.num_seen % self.interval == 0:
                save_timeline(folder / f'{file_name(sample.video_id)}.png', sample, class_names, self.min_score)
            self.num_seen += 1


def save_timeline(
    path: str | Path, sample: EventDataSample, class_names: Sequence[str] | None, min_score: float = 0.1
) -> None:
    """Writes the picture of :func:`timeline_of`."""
    write_png(timeline_of(sample, class_names, min_score), path)


def timeline_of(sample: EventDataSample, class_names: Sequence[str] | None, min_score: float = 0.1) -> Figure:
    """Draws the whole video's truth and the predictions of a data sample.

    Without ``class_names`` the rows are named by their label.
    """
    truth, events = sample.eval_instances, sample.pred_instances.to('cpu').numpy()
    if class_names is None:
        num_classes = 1 + max(truth.labels.max(initial=0), events.labels.max(initial=0))
        class_names = [str(label) for label in range(num_classes)]
    return draw_timeline(
        sample.duration_sec,
        class_names,
        truth.segments_sec,
        truth.labels,
        events.segments_sec,
        events.labels,
        events.scores,
        truth_ignored=truth.ignored,
        min_score=min_score,
        title=sample.video_id,
    )
