"""A model of a few parameters, and trainings of it, and of DEL at a small width, with the contrastive hook.

The model has what a hook can stumble over: a buffer, a parameter group for each parameter, a moving average.
"""

import uuid
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from torch import nn
from torch.utils.data import Dataset

from mmdel.structures import EventDataSample

NUM_CLASSES, DIMS, STREAMS = 3, 8, ('visual', 'audio')
TAPS = dict(
    visual='encode:streams.visual', audio='encode.audio', cls_visual='encode:cls.visual', cls_audio='encode:cls.audio'
)
LOSS = dict(type='mmdel.ScoreContrastiveLoss', proj_dims=4)


class Encoded(NamedTuple):
    """As the model's align stage puts out: (B, T, D) and (B, D)."""

    streams: dict[str, torch.Tensor]
    cls: dict[str, torch.Tensor]


class TinyEncoder(nn.ModuleDict):
    """A layer for each stream, and the means of what they put out."""

    embed_dims = DIMS

    def forward(self, inputs):
        streams = {name: layer(inputs.streams[name]) for name, layer in self.items()}
        weights = (inputs.mask / inputs.mask.sum(1, keepdim=True))[..., None]
        return Encoded(streams, {name: (x * weights).sum(1) for name, x in streams.items()})


@MODELS.register_module(force=True)
class TinyDetector(BaseModel):
    """Tells from the mean of two encoded streams how many events there are."""

    def __init__(self, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.encode = TinyEncoder({name: nn.Linear(5, DIMS) for name in STREAMS})
        self.count = nn.Linear(DIMS, 1)
        self.register_buffer('num_steps', torch.zeros(()))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        counts = sum(map(self.count, self.encode(inputs).cls.values()))[:, 0]
        if mode == 'tensor':
            return counts
        if mode == 'predict':
            return data_samples
        self.num_steps += 1
        truth = counts.new_tensor([len(sample.gt_instances) for sample in data_samples])
        return dict(loss_count=(counts - truth).square().mean())


@DATASETS.register_module(force=True)
class TinyDataset(Dataset):
    """Eight videos of different lengths, one without events; their classes show in the first features."""

    metainfo = dict(classes=('a', 'b', 'c'))

    def __len__(self):
        return 8

    def __getitem__(self, index):
        g = torch.Generator().manual_seed(index)
        length, num_events = 24 + 3 * (index % 4), index % 4
        start = torch.rand(num_events, generator=g) * (length - 6)
        segments = torch.stack([start, start + 1 + 5 * torch.rand(num_events, generator=g)], 1)
        labels = torch.randint(0, NUM_CLASSES, (num_events,), generator=g)
        inputs = {name: torch.randn(length, 5, generator=g) for name in STREAMS}
        for (first, last), label in zip(segments.round().long(), labels, strict=True):
            for features in inputs.values():
                features[first : last + 1, label] += 2
        sample = EventDataSample(gt_instances=InstanceData(segments=segments, labels=labels))
        return dict(inputs=inputs, data_samples=sample)


class Recorder(Hook):
    """Keeps what happens, and stops before an epoch, as an interrupted training does.

    Attributes:
        history: What every step reports.
        states: All parameters before the training and after every step.
        norms: The norms of all gradients at every step of the optimizer.
    """

    priority = 'LOWEST'

    def __init__(self, stop_before_epoch=None):
        self.stop_before_epoch = stop_before_epoch
        self.history, self.states, self.norms = [], [], []

    def before_train(self, runner):
        self._keep(runner.model)
        runner.optim_wrapper.optimizer.register_step_pre_hook(
            lambda *_: self.norms.append(
                [p.grad.norm().item() for p in runner.model.parameters() if p.grad is not None]
            )
        )

    def before_train_epoch(self, runner):
        if runner.epoch == self.stop_before_epoch:
            raise KeyboardInterrupt

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.history.append({name: value.item() for name, value in outputs.items()})
        self._keep(runner.model)

    def _keep(self, model):
        self.states.append({name: value.detach().clone() for name, value in model.named_parameters()})


def contrastive_hook(**kwargs):
    return {**dict(type='mmdel.ScoreContrastiveHook', loss=LOSS, taps=TAPS), **kwargs}


def config(work_dir, hooks, *, max_epochs=2, batch_size=4, seed=0, shuffle=True, optim_wrapper=None, **kwargs):
    cfg = Config(
        dict(
            model=dict(type='TinyDetector', data_preprocessor=dict(type='mmdel.EventDataPreprocessor')),
            work_dir=str(work_dir),
            train_dataloader=dict(
                dataset=dict(type='TinyDataset'),
                batch_size=batch_size,
                sampler=dict(type='DefaultSampler', shuffle=shuffle),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=max_epochs),
            optim_wrapper=dict(
                optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.05),
                clip_grad=dict(max_norm=1.0),
                paramwise_cfg=dict(bias_decay_mult=0.0),
            ),
            param_scheduler=dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=10),
            custom_hooks=hooks,
            default_hooks=dict(logger=dict(type='LoggerHook', interval=10)),
            randomness=dict(seed=seed),
            experiment_name=uuid.uuid4().hex,
            **kwargs,
        )
    )
    cfg.optim_wrapper.update(optim_wrapper or {})
    return cfg


def run(cfg, stop_before_epoch=None):
    """Trains; returns the runner and its :class:`Recorder`."""
    runner, recorder = Runner.from_cfg(cfg), Recorder(stop_before_epoch)
    runner.register_hook(recorder)
    try:
        runner.train()
    except KeyboardInterrupt:
        assert stop_before_epoch is not None
    return runner, recorder


def del_config(work_dir, hooks, **kwargs):
    """A training of DEL with the contrast of its config, at a small width."""
    full = Config.fromfile(Path(__file__).parents[1] / 'configs/del_unav100.py')
    cfg = config(work_dir, hooks, **kwargs)
    cfg.default_hooks.contrast = full.default_hooks.contrast
    cfg.model = full.model
    cfg.model.backbone.update(in_channels=dict.fromkeys(STREAMS, 5), embed_dims=16, num_levels=3)
    cfg.model.head.update(num_classes=NUM_CLASSES, feat_channels=16)
    cfg.model.head.point_generator.regress_ranges = [(0, 4), (4, 8), (8, 10000)]
    return cfg


def distributed_options():
    """Of a training's config, on each rank of several; none on one."""
    if not torch.distributed.is_initialized():
        return {}
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None, find_unused_parameters=False)
    return dict(launcher='pytorch', model_wrapper_cfg=wrapper)
