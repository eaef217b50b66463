"""Pictures of every validation for the visualizer's backends: TensorBoard, Weights & Biases, files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.dist import collect_results, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmdel.engine.hooks.event_visualization_hook import timeline_of
from mmdel.engine.hooks.tapped_loss import NAME, TappedLoss
from mmdel.models.layers import EventAlignedAttention
from mmdel.registry import HOOKS
from mmdel.structures import EventDataSample
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import file_name
from mmdel.utils.runner_state import bare_model
from mmdel.visualization.training_pictures import (
    draw_event_masks,
    draw_precision_recall,
    draw_scores,
    has_truth,
    to_image,
    video_arrays,
)

TIOUS = (0.3, 0.5, 0.7)
MAX_MASK_STEPS = 200  # of a stream, in the picture of a mask


@HOOKS.register_module()
class TrainingPicturesHook(Hook):
    """Adds pictures of every validation to the visualizer, at the step of its epoch.

    - ``precision_recall``: of all videos and classes together, at three tIoUs;
    - ``timeline_<id>`` of the first videos: the truth and what is predicted;
    - ``event_mask_<id>``, where the model has :class:`~mmdel.models.layers.EventAlignedAttention`: its learned mask;
    - ``scores_<id>``, while training with :class:`~mmdel.engine.hooks.ScoreContrastiveHook`: the scores s_t of its
      streams.

    The last two show what the model computed of the whole video; where it reads windows one after the other
    (``sliding_window``), there are none.

    Args:
        num_videos: Of how many videos there are pictures; 0 for no pictures at all.
        min_score: Predictions below it are left out of the timelines.

    Raises:
        UserInputError: If ``num_videos`` is negative.
    """

    priority = 'NORMAL'

    def __init__(self, num_videos: int = 0, min_score: float = 0.1) -> None:
        if num_videos < 0:
            raise UserInputError(f'num_videos of the pictures must be 0 or more, got {num_videos}')
        self.num_videos = num_videos
        self.min_score = min_score
        self.num_drawn = 0
        self._videos: list[dict] = []
        self._seen: dict[Any, Any] = {}
        self._handles: list[RemovableHandle] = []

    def before_val_epoch(self, runner: Runner) -> None:
        """Listens to the parts of the model that are drawn."""
        self.num_drawn, self._videos = 0, []
        if not self.num_videos:
            return
        model = bare_model(runner.model)
        modules = [*_attentions(model), *(tap.module_of(model) for tap in _score_taps(model))]
        self._handles = [module.register_forward_hook(partial(self._see, module)) for module in dict.fromkeys(modules)]

    def _see(self, module: nn.Module, _module: nn.Module, args: tuple, output: Any) -> None:
        self._seen[module] = args, output

    @torch.no_grad()
    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[EventDataSample] | None = None,
    ) -> None:
        """Draws the first videos, and keeps what the curves need of all."""
        if not self.num_videos:
            return
        model, samples = bare_model(runner.model), outputs or ()
        for place, sample in enumerate(samples):
            self._videos.append(video_arrays(sample.to_dict()))
            if self.num_drawn < self.num_videos and is_main_process():
                self.num_drawn += 1
                self._draw_video(runner, model, sample, place, len(samples))
        self._seen = {}

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draws the curves of all videos, of all processes."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if not self.num_videos:
            return
        videos = collect_results(self._videos, len(runner.val_dataloader.dataset), device='cpu')
        if videos is not None and has_truth(videos):
            self._add(runner, 'precision_recall', draw_precision_recall(videos, TIOUS))

    def _draw_video(self, runner: Runner, model: Any, sample: EventDataSample, place: int, num: int) -> None:
        """Adds the pictures of the ``place``-th of ``num`` videos of a batch."""
        name = file_name(sample.video_id)
        class_names = (runner.visualizer.dataset_meta or {}).get('classes') or None
        self._add(runner, f'timeline_{name}', timeline_of(sample, class_names, self.min_score))
        if masks := self._masks(model, sample, place, num):
            figure = draw_event_masks(
                masks, model.backbone.streams, _times_sec(sample, MAX_MASK_STEPS), sample.video_id
            )
            self._add(runner, f'event_mask_{name}', figure)
        if scores := self._scores(model, sample, place, num):
            truth, times_sec = sample.eval_instances.segments_sec, _times_sec(sample)
            figure = draw_scores(scores, times_sec, truth, sample.duration_sec, sample.video_id)
            self._add(runner, f'scores_{name}', figure)

    def _add(self, runner: Runner, name: str, figure: Figure) -> None:
        runner.visualizer.add_image(name, to_image(figure), step=runner.epoch or runner.iter)

    def _masks(self, model: nn.Module, sample: EventDataSample, place: int, num: int) -> list[np.ndarray]:
        """The mask (S·K, S·K) of each block; none where it did not see the video as a whole."""
        masks = []
        for attention in _attentions(model):
            (tokens, mask), _ = self._seen.get(attention, ((None, None), None))
            if tokens is None or not _is_whole(mask, sample, num):
                return []
            steps = _steps(sample, MAX_MASK_STEPS).to(mask.device)
            found = attention.event_mask(tokens[place : place + 1], mask[place : place + 1], steps)
            masks.append(found[0].float().cpu().numpy())
        return masks

    def _scores(self, model: nn.Module, sample: EventDataSample, place: int, num: int) -> dict[str, np.ndarray]:
        """The scores (T,) of each stream; none where they are not of the video as a whole."""
        scores = {}
        for tap in _score_taps(model):
            if (module := tap.module_of(model)) not in self._seen:
                return {}
            features = tap.read({tap.name: self._seen[module][1]})
            if not _is_whole(features[..., 0], sample, num):
                return {}
            head = model.get_submodule(f'{NAME}.loss.score_heads.{tap.name}')
            logits = head(features[place, : sample.num_steps].float())[:, 0]
            scores[tap.name] = logits.sigmoid().cpu().numpy()
        return scores


def _attentions(model: nn.Module) -> list[EventAlignedAttention]:
    """Those with a learned mask."""
    found = (module for module in model.modules() if isinstance(module, EventAlignedAttention))
    return [attention for attention in found if attention.mask_kind == 'learned']


def _score_taps(model: nn.Module) -> list:
    """Where the contrastive loss takes the streams that it scores; none without it."""
    tapped = getattr(model, NAME, None)
    return [tapped.taps[name] for name in tapped.loss.streams] if isinstance(tapped, TappedLoss) else []


def _is_whole(rows: Tensor, sample: EventDataSample, num: int) -> bool:
    """Whether what has shape (B, T, …) is of the ``num`` videos of the batch, all steps of them."""
    return rows.shape[0] == num and rows.shape[1] >= sample.num_steps


def _steps(sample: EventDataSample, max_num: int | None = None) -> Tensor:
    """Places of the sample's steps, at most ``max_num`` of them, evenly."""
    num = sample.num_steps if max_num is None else min(max_num, sample.num_steps)
    return torch.linspace(0, sample.num_steps - 1, num).round().long()


def _times_sec(sample: EventDataSample, max_num: int | None = None) -> np.ndarray:
    return sample.grid.to_sec(_steps(sample, max_num).numpy())
