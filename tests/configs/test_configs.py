"""Every config trains and validates for one iteration: its data, model, optimizer, schedule and hooks, but narrower."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_data
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdel.models.backbones.event_aligned import EventAlignment

ROOT = Path(__file__).resolve().parents[2]
# Those of MMAction2's own data sets are tested by tests/integration/test_mixing.py.
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts and not path.name.startswith('mmaction_')
)
ABLATIONS = [path for path in CONFIGS if 'ablations' in path]
WIDTH = 16
WIDTHS = ('embed_dims', 'feat_channels', 'in_channels', 'out_channels')


class StepRecorder(Hook):
    """Keeps the terms of the step, and the names of the parameters that have no gradient when the optimizer moves."""

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        runner.optim_wrapper.optimizer.register_step_pre_hook(lambda *_: self.look(runner.model))

    def look(self, model: torch.nn.Module) -> None:
        self.without_gradient = [
            name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None
        ]

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.terms = {name: value.item() for name, value in outputs.items()}


def narrow(cfg: Config) -> None:
    """Scales every width of a config to WIDTH, so that those which do not fit one another still do not."""
    scale = cfg.model.backbone.embed_dims // WIDTH
    for part in (cfg.model.backbone, cfg.model.neck, cfg.model.head):
        for name in WIDTHS:
            if isinstance(part.get(name), int):
                part[name] //= scale
    for hook in contrastive_hooks(cfg):
        hook.loss.embed_dims //= scale
        hook.update(start_epoch=0, ramp_epochs=0)


def contrastive_hooks(cfg: Config) -> list[dict]:
    return [hook for hook in cfg.custom_hooks if hook.type == 'mmdel.ScoreContrastiveHook']


@pytest.mark.parametrize('path', CONFIGS)
def test_it_trains_and_predicts_on_data_in_its_layout(path: str, tmp_path: Path, monkeypatch) -> None:
    for name in ('UNAV100', 'THUMOS14', 'ANET13', 'EPIC100', 'GRID', 'DEMO'):
        monkeypatch.delenv(f'MMDEL_{name}_ROOT', raising=False)
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(ROOT / path)
    streams = cfg.train_dataloader.dataset.streams
    assert cfg.auto_scale_lr == dict(enable=False, base_batch_size=cfg.train_dataloader.batch_size)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.streams == streams
        assert loader.dataset.pipeline[1].reference in streams
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.type = 'mmdel.EventDataset'
    if cfg.model.type == 'mmdel.EventDetector':
        assert cfg.model.backbone.in_channels == {name: stream.channels for name, stream in streams.items()}
        narrow(cfg)
    elif cfg.model.localizer.type == 'mmaction.BMN':
        cfg.model.localizer.update(hidden_dim_1d=8, hidden_dim_2d=8, hidden_dim_3d=8)
    tiny_data.write_data_of(cfg)
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.param_scheduler = cfg.param_scheduler[:1]
    cfg.param_scheduler[0].end = 1
    cfg.default_hooks.checkpoint = None
    cfg.update(work_dir=str(tmp_path / 'work'), experiment_name=path)
    runner, recorder = Runner.from_cfg(cfg), StepRecorder()
    runner.register_hook(recorder)
    runner.train()

    assert recorder.without_gradient == []
    assert 'loss' in recorder.terms
    assert all(torch.isfinite(torch.tensor(value)) for value in recorder.terms.values())
    assert 'val/event/mAP' in runner.message_hub.log_scalars
    assert ('loss_intra' in recorder.terms) == bool(contrastive_hooks(cfg))
    if Path(path).name.startswith('del_'):
        check_del(path, recorder.terms, runner.model, len(streams))


def check_del(path: str, terms: dict[str, float], model: torch.nn.Module, num_streams: int) -> None:
    """The parts that the file's name promises are there."""
    assert {'loss_cls', 'loss_reg'} <= terms.keys()
    assert ('loss_intra' in terms) == ('no_scl' not in path)
    assert ('loss_inter' in terms) == ('no_scl' not in path and num_streams == 2)
    align = model.backbone.align
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
