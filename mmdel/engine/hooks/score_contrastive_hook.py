"""Score-based contrastive learning for any mm-model, by one line of config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from mmengine.runner.checkpoint import load_state_dict
from torch import nn
from torch.utils.hooks import RemovableHandle

from mmdel.engine.hooks.tapped_loss import CLS_PREFIX, NAME, Tap, TappedLoss
from mmdel.engine.hooks.token_labels import LABEL_READERS
from mmdel.registry import HOOKS, MODELS
from mmdel.utils.runner_state import bare_model, is_training


@HOOKS.register_module()
class ScoreContrastiveHook(Hook):
    """Adds a contrastive loss to the training of a model it knows nothing about::

        default_hooks = dict(
            contrast=dict(
                type='mmdel.ScoreContrastiveHook',
                loss=dict(type='mmdel.ScoreContrastiveLoss'),
                taps=dict(
                    visual='backbone.align:streams.visual',
                    audio='backbone.align:streams.audio',
                    cls_visual='backbone.align:cls.visual',
                    cls_audio='backbone.align:cls.audio',
                ),
            )
        )

    While training, the outputs of the tapped submodules are taken as they pass by, and the terms of the loss are added
    to the dict that the model returns in ``mode='loss'``. The loss is made a submodule of the model, so that its
    parameters are trained, clipped and synchronised like the others. In a checkpoint they lie beside the model's
    ``state_dict``: what is tested is the model alone, and a resumed training finds them there.

    Args:
        loss: Config of a :class:`~mmdel.models.losses.ScoreContrastiveLoss`, or of a
            :class:`~mmdel.models.losses.VideoContrastiveLoss` as in the published code; ``streams`` is filled in. So
            are, unless given, ``num_classes`` (the training data's; 1 for 'gt_bbox') and ``embed_dims`` (what the
            tapped modules call ``embed_dims``, ``out_channels`` or ``out_features``).
        taps: Dotted paths of submodules of the model: ``<stream>`` puts out a stream's steps, ``cls_<stream>``
            (optional) its [CLS] vector (B, D). One or two streams; their names are free. What follows a colon picks
            from the output by keys, fields or indices: 'path:key.key'. A tap that is None is left out.
        layout: The dimensions of the tapped streams by their letters, e.g. 'BTD', 'BDT' or 'BDTHW': B batch, T time,
            D channels; the others are averaged.
        targets: The field of the data samples that says which classes are active at a step:

            - 'segments': ``gt_instances.segments`` (N, 2) in steps, ``gt_instances.labels`` (N,). A step is active if
              the event meets it or half a step around it; an event beyond the first or last step activates that one.
            - 'gt_bbox': ``gt_instances.gt_bbox`` (N, 2) in parts of the video, as MMAction2's localizers have it; all
              events are of class 0.
            - 'gt_label': ``gt_label``, class indices or (float) one value a class, as MMAction2's recognizers have it.
              All steps are active, so that there are no negatives within a video.
        start_epoch: Epochs before the loss sets in. Until then the optimizer leaves its parameters alone.
        ramp_epochs: Epochs in which its weight then grows linearly from 0 to 1.
        enable: False does nothing.

    Raises:
        ValueError: When training starts, if a path does not exist, what is to be filled in is not known, or the loss
            has other classes than the data; at the first step, if what was tapped is not as described here or does not
            fit the other taps, the loss or the mask.
    """

    # Before EMAHook, so that its copy of the model has the parameters of the model.
    priority = 'HIGH'

    def __init__(
        self,
        loss: dict,
        taps: dict[str, str | None],
        layout: str = 'BTD',
        targets: str = 'segments',
        start_epoch: float = 0,
        ramp_epochs: float = 0,
        enable: bool = True,
    ) -> None:
        places = {name: place for name, place in taps.items() if place is not None}
        # Sorted, since mmengine sorts a config that it writes down: who resumes by that finds the parameters in order.
        self.streams = sorted((name for name in places if not name.startswith(CLS_PREFIX)), reverse=True)
        known = {*self.streams, *(CLS_PREFIX + name for name in self.streams)}
        if len(self.streams) not in (1, 2) or not known.issuperset(places):
            raise ValueError(f'taps must name one or two streams, and cls_<stream> only of these; got {list(places)}')
        if len(set(layout)) != len(layout) or not set('BTD') <= set(layout):
            raise ValueError(f'layout must have each of the letters B, T and D once, got {layout!r}')
        if targets not in LABEL_READERS:
            raise ValueError(f'targets must be one of {list(LABEL_READERS)}, got {targets!r}')
        self.loss_cfg = dict(loss)
        self.taps = [Tap(name, place, layout if name in self.streams else 'BD') for name, place in places.items()]
        self.targets = targets
        self.start_epoch = start_epoch
        self.ramp_epochs = ramp_epochs
        self.enable = enable
        self.tapped: TappedLoss | None = None
        self._handles: list[RemovableHandle] = []

    def check_model(self, model: nn.Module) -> None:
        """Stops at a tap that the model has no place for.

        Raises:
            ValueError: With the tap, and what there is.
        """
        for tap in self.taps if self.enable else ():
            tap.module_of(model)

    def before_run(self, runner: Runner) -> None:
        """Makes the loss a part of the model and of its optimizer, if this run is a training."""
        if not self.enable or self.tapped is not None or not is_training(runner):
            return
        if isinstance(runner.optim_wrapper, OptimWrapperDict):
            raise ValueError('ScoreContrastiveHook works with one optimizer, not with an OptimWrapperDict')
        model = bare_model(runner.model)
        if runner.model is not model and not isinstance(runner.model, MMDistributedDataParallel):
            raise ValueError(f'ScoreContrastiveHook does not work with a {type(runner.model).__name__}')
        self.check_model(model)
        if hasattr(model, NAME):
            raise ValueError(f'the model has a submodule {NAME!r} already: is there a second ScoreContrastiveHook?')
        classes = getattr(runner.train_dataloader.dataset, 'metainfo', {}).get('classes') or ()
        loss = MODELS.build(self._complete_loss(model, classes))
        loss.init_weights()
        self.tapped = TappedLoss(loss, self.taps, self.targets).to(next(model.parameters()).device)
        model.add_module(NAME, self.tapped)
        _optimize(runner.optim_wrapper.optimizer, self.tapped)
        if runner.model is not model:
            # DistributedDataParallel synchronises the parameters that it was built with.
            runner.model = model
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)

    def before_train(self, runner: Runner) -> None:
        """Starts to listen. Not earlier, so that copies of the model made before do not."""
        if self.tapped is not None:
            self._handles = self.tapped.attach(bare_model(runner.model), runner.optim_wrapper.optimizer)

    def after_train(self, runner: Runner) -> None:
        """Stops listening."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Sets the weight of the coming step."""
        if self.tapped is not None and (self.start_epoch or self.ramp_epochs):
            epochs = runner.iter / len(runner.train_dataloader) - self.start_epoch
            ramp = epochs / self.ramp_epochs if self.ramp_epochs else float(epochs >= 0)
            self.tapped.weight = min(max(ramp, 0.0), 1.0)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Puts the parameters of the loss into the checkpoint, beside those of the model."""
        if self.tapped is not None:
            checkpoint[NAME] = self.tapped.loss.state_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Takes them from there, if the loss is in use."""
        if self.tapped is not None and NAME in checkpoint:
            load_state_dict(self.tapped.loss, checkpoint[NAME], logger='current')

    def _complete_loss(self, model: nn.Module, classes: Sequence[str]) -> dict:
        """The config of the loss with what the model and the training data tell of it."""
        cfg = {'streams': self.streams, **self.loss_cfg}
        num_classes = 1 if self.targets == 'gt_bbox' else len(classes)
        if not num_classes and 'num_classes' not in cfg:
            raise ValueError('the training data do not name their classes: give num_classes of the contrastive loss')
        if num_classes and cfg.setdefault('num_classes', num_classes) != num_classes:
            source = "targets='gt_bbox'" if self.targets == 'gt_bbox' else 'the training data'
            raise ValueError(f'the contrastive loss has num_classes={cfg["num_classes"]}, {source} {num_classes}')
        if 'embed_dims' not in cfg:
            cfg['embed_dims'] = {tap.name: tap.width_in(model) for tap in self.taps if tap.name in self.streams}
        return cfg


def _optimize(optimizer: torch.optim.Optimizer, module: nn.Module) -> None:
    """Adds the parameters of ``module`` to the optimizer's groups of the highest learning rate.

    Not to a new group, which would escape the schedulers. Matrices go where weights decay most, all else where they do
    least, so that multipliers for a pretrained backbone, for biases or norms do not reach the wrong ones.
    """
    rates = [group.get('initial_lr', group['lr']) for group in optimizer.param_groups]
    groups = [group for group, rate in zip(optimizer.param_groups, rates, strict=True) if rate == max(rates)]
    for parameter in module.parameters():
        choose = max if parameter.dim() > 1 else min
        choose(groups, key=lambda group: group.get('weight_decay', 0.0))['params'].append(parameter)
