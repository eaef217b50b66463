"""Score-based contrastive learning for any mm-model, by one line of config."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmengine.runner.checkpoint import load_state_dict
from torch import Tensor, nn

from mmdel.engine.hooks.token_labels import LABEL_READERS
from mmdel.registry import HOOKS, MODELS

NAME = 'score_contrastive'
CLS_PREFIX = 'cls_'


@HOOKS.register_module()
class ScoreContrastiveHook(Hook):
    """Adds :class:`~mmdel.models.losses.ScoreContrastiveLoss` to the training of a model it knows nothing about::

        custom_hooks = [
            dict(
                type='mmdel.ScoreContrastiveHook',
                loss=dict(type='mmdel.ScoreContrastiveLoss', num_classes=100, embed_dims=512),
                taps=dict(
                    visual='backbone.align.out.visual',
                    audio='backbone.align.out.audio',
                    cls_visual='backbone.align.cls_out.visual',
                    cls_audio='backbone.align.cls_out.audio',
                ),
            )
        ]

    While training, the outputs of the tapped submodules are taken as they pass by, and the terms of the loss are added
    to the dict that the model returns in ``mode='loss'``. The loss is made a submodule of the model, so that its
    parameters are trained, clipped and synchronised like the others. In a checkpoint they lie beside the model's
    ``state_dict``: what is tested is the model alone, and a resumed training finds them there.

    Args:
        loss: Config of the loss; ``streams`` is filled in.
        taps: Dotted paths of submodules of the model: ``<stream>`` puts out a stream's steps, ``cls_<stream>``
            (optional) its [CLS] vector (B, D). One or two streams; their names are free.
        layout: The dimensions of the tapped streams by their letters, e.g. 'BTD', 'BDT' or 'BDTHW': B batch, T time,
            D channels; the others are averaged.
        targets: The field of the data samples that says which classes are active at a step:

            - 'segments': ``gt_instances.segments`` (N, 2) in steps, ``gt_instances.labels`` (N,). A step is active if
              the event meets it or half a step around it; an event beyond the first or last step activates that one.
            - 'gt_bbox': ``gt_instances.gt_bbox`` (N, 2) in parts of the video, as MMAction2's localizers have it; all
              events are of class 0.
            - 'gt_label': ``gt_label``, class indices or (float) one value a class, as MMAction2's recognizers have it.
              All steps are active, so that there are no negatives within a video.
        start_epoch: Epochs before the loss sets in.
        ramp_epochs: Epochs in which its weight then grows linearly from 0 to 1.

    Raises:
        ValueError: When training starts, if a path does not exist or the data set has more classes than the loss; at
            the first step, if what was tapped is not as described here or does not fit the other taps, the loss or
            the mask.
    """

    # Before EMAHook, so that its copy of the model has the parameters of the model.
    priority = 'HIGH'

    def __init__(
        self,
        loss: dict,
        taps: dict[str, str],
        layout: str = 'BTD',
        targets: str = 'segments',
        start_epoch: float = 0,
        ramp_epochs: float = 0,
    ) -> None:
        self.streams = [name for name in taps if not name.startswith(CLS_PREFIX)]
        known = {*self.streams, *(CLS_PREFIX + name for name in self.streams)}
        if len(self.streams) not in (1, 2) or not known.issuperset(taps):
            raise ValueError(f'taps must name one or two streams, and cls_<stream> only of these; got {list(taps)}')
        if len(set(layout)) != len(layout) or not set('BTD') <= set(layout):
            raise ValueError(f'layout must have each of the letters B, T and D once, got {layout!r}')
        if targets not in LABEL_READERS:
            raise ValueError(f'targets must be one of {list(LABEL_READERS)}, got {targets!r}')
        self.loss_cfg = dict(loss)
        self.taps = dict(taps)
        self.layout = layout
        self.targets = targets
        self.start_epoch = start_epoch
        self.ramp_epochs = ramp_epochs
        self.loss: nn.Module | None = None
        self._weight = 1.0
        self._handles: list = []
        self._captured: dict[str, Any] | None = None

    def before_run(self, runner: Runner) -> None:
        """Makes the loss a part of the model and of its optimizer, if this run is a training."""
        if self.loss is not None or not isinstance(runner.optim_wrapper, OptimWrapper | OptimWrapperDict):
            return
        if isinstance(runner.optim_wrapper, OptimWrapperDict):
            raise ValueError('ScoreContrastiveHook works with one optimizer, not with an OptimWrapperDict')
        model = _bare(runner.model)
        if hasattr(model, NAME):
            raise ValueError(f'the model has a submodule {NAME!r} already: is there a second ScoreContrastiveHook?')
        for tap, path in self.taps.items():
            _find(model, tap, path)
        self.loss = MODELS.build({'streams': self.streams, **self.loss_cfg})
        if hasattr(self.loss, 'init_weights'):
            self.loss.init_weights()
        model.add_module(NAME, _Aside(self.loss.to(next(model.parameters()).device)))
        _optimize(runner.optim_wrapper.optimizer, self.loss)
        if runner.model is not model:
            # DistributedDataParallel synchronises the parameters that it was built with.
            if not isinstance(runner.model, MMDistributedDataParallel):
                raise ValueError(f'ScoreContrastiveHook does not work with a {type(runner.model).__name__}')
            runner.model = model
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)

    def before_train(self, runner: Runner) -> None:
        """Starts to listen. Not earlier, so that copies of the model made before do not."""
        classes = getattr(runner.train_dataloader.dataset, 'metainfo', {}).get('classes', ())
        if self.targets != 'gt_bbox' and len(classes) > self.loss.num_classes:
            raise ValueError(
                f'the data set has {len(classes)} classes, the contrastive loss num_classes={self.loss.num_classes}'
            )
        model = _bare(runner.model)
        signature = inspect.signature(model.forward)
        self._handles = [
            _find(model, tap, path).register_forward_hook(partial(self._capture, tap))
            for tap, path in self.taps.items()
        ]
        self._handles += [
            model.register_forward_pre_hook(partial(self._begin, signature), with_kwargs=True),
            model.register_forward_hook(partial(self._finish, signature), with_kwargs=True),
        ]

    def after_train(self, runner: Runner) -> None:
        """Stops listening."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Sets the weight of the coming step."""
        if self.start_epoch or self.ramp_epochs:
            epochs = runner.iter / len(runner.train_dataloader) - self.start_epoch
            self._weight = min(max(epochs / self.ramp_epochs, 0.0), 1.0) if self.ramp_epochs else float(epochs >= 0)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Puts the parameters of the loss into the checkpoint, beside those of the model."""
        if self.loss is not None:
            checkpoint[NAME] = self.loss.state_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Takes them from there, if the loss is in use."""
        if self.loss is not None and NAME in checkpoint:
            load_state_dict(self.loss, checkpoint[NAME], logger='current')

    def _begin(self, signature: inspect.Signature, model: nn.Module, args: tuple, kwargs: dict) -> None:
        mode = signature.bind(*args, **kwargs).arguments.get('mode')
        self._captured = {} if mode == 'loss' else None

    def _capture(self, tap: str, module: nn.Module, args: tuple, output: Any) -> None:
        if self._captured is not None:
            self._captured[tap] = output

    def _finish(self, signature: inspect.Signature, model: nn.Module, args: tuple, kwargs: dict, losses: Any) -> Any:
        captured, self._captured = self._captured, None
        if captured is None:
            return losses
        call = signature.bind(*args, **kwargs).arguments
        terms = self._terms(captured, call['inputs'], call['data_samples'])
        if terms.keys() & losses.keys():
            raise ValueError(f'the model has terms of these names already: {sorted(terms.keys() & losses.keys())}')
        return {**losses, **terms}

    def _terms(self, captured: dict[str, Any], inputs: Any, samples: list) -> dict[str, Tensor]:
        """The terms of the loss for what was tapped in one step."""
        if self._weight == 0:
            # Distributed training wants a gradient of every parameter.
            return dict(loss_intra=sum(parameter.sum() for parameter in self.loss.parameters()) * 0.0)
        streams = {name: self._stream(captured, name) for name in self.streams}
        batch, num_steps = next(iter(streams.values())).shape[:2]
        if any(stream.shape[:2] != (batch, num_steps) for stream in streams.values()) or batch != len(samples):
            shapes = {self.taps[name]: tuple(stream.shape[:2]) for name, stream in streams.items()}
            raise ValueError(f'the taps must have one (batch, time), that of {len(samples)} data samples; got {shapes}')
        cls = {name: self._vector(captured, name, batch) for name in self.streams if CLS_PREFIX + name in self.taps}
        mask = inputs.get('mask') if isinstance(inputs, dict) else None
        if mask is None:
            mask = torch.ones(batch, num_steps, dtype=torch.bool, device=streams[self.streams[0]].device)
        if mask.shape != (batch, num_steps):
            raise ValueError(
                f"the taps must have a step for each of inputs['mask'] {tuple(mask.shape)}; got {(batch, num_steps)}"
            )
        labels = self._labels(samples, mask)
        terms = self.loss(streams, mask, labels, cls)
        return {name: term * self._weight if 'loss' in name else term for name, term in terms.items()}

    def _labels(self, samples: list, mask: Tensor) -> Tensor:
        """The classes active at a step, (B, T, C)."""
        try:
            return LABEL_READERS[self.targets](samples, mask, self.loss.num_classes)
        except AttributeError as error:
            raise ValueError(f'targets={self.targets!r}, but a data sample lacks it: {error}') from error

    def _stream(self, captured: dict[str, Any], name: str) -> Tensor:
        """A tapped stream as (B, T, D)."""
        output = self._tensor(captured, name, self.layout)
        extra = [index for index, letter in enumerate(self.layout) if letter not in 'BTD']
        if extra:
            output = output.mean(extra)
        kept = [letter for letter in self.layout if letter in 'BTD']
        return self._check_width(output.permute([kept.index(letter) for letter in 'BTD']), name, name)

    def _vector(self, captured: dict[str, Any], name: str, batch: int) -> Tensor:
        """A tapped [CLS] vector (B, D)."""
        output = self._tensor(captured, CLS_PREFIX + name, 'BD')
        if len(output) != batch:
            raise ValueError(f'{self.taps[CLS_PREFIX + name]!r} puts out {len(output)} vectors for {batch} videos')
        return self._check_width(output, CLS_PREFIX + name, name)

    def _tensor(self, captured: dict[str, Any], tap: str, layout: str) -> Tensor:
        """What was tapped, a tensor with the dimensions of ``layout``."""
        if tap not in captured:
            raise ValueError(f"{self.taps[tap]!r}, tapped as {tap!r}, is not called in the model's mode='loss'")
        output = captured[tap]
        if not isinstance(output, Tensor) or output.dim() != len(layout):
            what = f'shape {tuple(output.shape)}' if isinstance(output, Tensor) else f'type {type(output).__name__}'
            raise ValueError(f'{self.taps[tap]!r}, tapped as {tap!r}, must put out a tensor {layout}, got {what}')
        return output

    def _check_width(self, output: Tensor, tap: str, name: str) -> Tensor:
        """``output`` (..., D), whose channels must be those that the loss expects of the stream."""
        if output.shape[-1] != self.loss.embed_dims[name]:
            raise ValueError(
                f'{self.taps[tap]!r}, tapped as {tap!r}, puts out {output.shape[-1]} channels; the loss has '
                f'embed_dims={self.loss.embed_dims[name]}, the layout is {self.layout!r}'
            )
        return output


class _Aside(nn.Module):
    """Makes a module's parameters parameters of a model, but leaves them out of its state dict."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.register_load_state_dict_post_hook(_expect_none)

    def state_dict(self, *args, destination: dict | None = None, **kwargs) -> dict:
        """Nothing."""
        return {} if destination is None else destination


def _expect_none(module: nn.Module, incompatible_keys: Any) -> None:
    """Strikes the parameters of :class:`_Aside` off the missing keys."""
    missing = incompatible_keys.missing_keys
    missing[:] = [key for key in missing if f'{NAME}.module.' not in key]


def _bare(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _find(model: nn.Module, tap: str, path: str) -> nn.Module:
    """The submodule at a dotted path.

    Raises:
        ValueError: If there is none; names what there is.
    """
    module, found = model, []
    for part in path.split('.'):
        children = dict(module.named_children())
        if part not in children:
            place = '.'.join(found) or 'the model'
            raise ValueError(f'taps[{tap!r}] = {path!r}: {place} has no submodule {part!r}, only {list(children)}')
        module = children[part]
        found.append(part)
    return module


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
