"""Every config trains: its model, optimizer, schedule and hooks, for one iteration, at a smaller width."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from torch.utils.data import Dataset

from mmdel.models.backbones.event_aligned import EventAlignment
from mmdel.structures import EventDataSample

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('*.py') if path.parent.name != '_base_'
)
ABLATIONS = [path for path in CONFIGS if 'ablations' in path]
WIDTH, NUM_STEPS = 16, 40


@DATASETS.register_module(force=True)
class RandomVideo(Dataset):
    """One video of random features with two events."""

    def __init__(self, channels: dict[str, int]) -> None:
        self.channels = channels

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> dict:
        inputs = {name: torch.randn(NUM_STEPS, channels) for name, channels in self.channels.items()}
        truth = InstanceData(segments=torch.tensor([[2.0, 8.0], [5.0, 30.0]]), labels=torch.tensor([0, 1]))
        return dict(inputs=inputs, data_samples=EventDataSample(gt_instances=truth))


class StepRecorder(Hook):
    """Keeps the terms of the step, and the names of the parameters that have no gradient when the optimizer moves."""

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        runner.optim_wrapper.optimizer.register_step_pre_hook(lambda *_: self.look(runner.model))

    def look(self, model: torch.nn.Module) -> None:
        self.without_gradient = [name for name, parameter in model.named_parameters() if parameter.grad is None]

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.terms = {name: value.item() for name, value in outputs.items()}


def narrow(cfg: Config) -> None:
    """Scales every width of a config to WIDTH, so that those which do not fit one another still do not."""
    model, scale = cfg.model, cfg.model.backbone.embed_dims // WIDTH
    model.backbone.embed_dims //= scale
    model.head.in_channels //= scale
    model.head.feat_channels //= scale
    if 'in_channels' in model.neck:
        model.neck.in_channels //= scale
    for hook in contrastive_hooks(cfg):
        hook.loss.embed_dims //= scale
        hook.update(start_epoch=0, ramp_epochs=0)


def contrastive_hooks(cfg: Config) -> list[dict]:
    return [hook for hook in cfg.custom_hooks if hook.type == 'mmdel.ScoreContrastiveHook']


@pytest.mark.parametrize('path', CONFIGS)
def test_it_trains_on_inputs_of_its_own_channels(path: str, tmp_path: Path) -> None:
    cfg = Config.fromfile(ROOT / path)
    channels = {name: stream.channels for name, stream in cfg.train_dataloader.dataset.streams.items()}
    assert cfg.model.backbone.in_channels == channels
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.streams == cfg.train_dataloader.dataset.streams
        assert loader.dataset.pipeline[1].reference in channels
    narrow(cfg)
    cfg.train_dataloader = dict(
        batch_size=1,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='RandomVideo', channels=channels),
    )
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.train_cfg.max_epochs = 1
    cfg.param_scheduler = cfg.param_scheduler[:1]
    cfg.param_scheduler[0].end = 1
    cfg.default_hooks.checkpoint = None
    cfg.update(work_dir=str(tmp_path), experiment_name=path)
    runner, recorder = Runner.from_cfg(cfg), StepRecorder()
    runner.register_hook(recorder)
    runner.train()

    assert recorder.without_gradient == []
    assert all(torch.isfinite(torch.tensor(value)) for value in recorder.terms.values())
    assert {'loss_cls', 'loss_reg'} <= recorder.terms.keys()
    assert ('loss_intra' in recorder.terms) == bool(contrastive_hooks(cfg))
    assert ('loss_inter' in recorder.terms) == (bool(contrastive_hooks(cfg)) and len(channels) == 2)
    align = runner.model.backbone.align
    assert isinstance(align, EventAlignment) == ('no_aat' not in path)
    if isinstance(align, EventAlignment):
        kind = next((kind for kind in ('temporal', 'none') if f'mask_{kind}' in path), 'learned')
        assert {block.attention.mask_kind for block in align.blocks} == {kind}


@pytest.mark.parametrize('path', ABLATIONS)
def test_an_ablation_differs_from_its_base_in_what_its_name_says(path: str) -> None:
    """And in nothing else: neither in other parts nor in the training."""
    ablated, whole = Config.fromfile(ROOT / path), Config.fromfile(ROOT / 'configs' / f'{base_name(path)}.py')
    kind = Path(path).stem.removeprefix(base_name(path) + '_')
    changed = {
        'no_aat': {'model.backbone.align', 'custom_hooks'},
        'no_scl': {'custom_hooks'},
        'no_pan': {'model.neck'},
        'mask_temporal': {'model.backbone.align'},
        'mask_none': {'model.backbone.align'},
        'guide_cross': {'model.neck'},
        'visual': {'model.backbone.in_channels', 'model.head', 'custom_hooks', *LOADERS},
        'audio': {'model.backbone.in_channels', 'model.head', 'custom_hooks', *LOADERS}
        | {'load', 'train_pipeline', 'test_pipeline'},
    }[kind]
    assert {key for key, value in parts(ablated).items() if parts(whole).get(key, value) != value} == changed
    assert parts(ablated).keys() == parts(whole).keys()


LOADERS = {f'{name}_dataloader' for name in ('train', 'val', 'test')}


def base_name(path: str) -> str:
    return '_'.join(Path(path).stem.split('_')[:2])


def parts(cfg: Config) -> dict:
    """The settings of a config by the names of its top level, the model's by those of its parts."""
    fields = cfg.to_dict()
    model = fields.pop('model')
    backbone = model.pop('backbone')
    return {
        **fields,
        **{f'model.{name}': value for name, value in model.items()},
        **{f'model.backbone.{name}': value for name, value in backbone.items()},
    }
