"""Every config trains and validates for one iteration: its data, model, optimizer, schedule and hooks, but narrower."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_data
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdel.models.backbones.event_aligned import EventAlignment, SeparateProjection
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch
from mmdel.utils.check_config import check_config
from mmdel.utils.prepare_config import prepare_config, set_number_format

ROOT = Path(__file__).resolve().parents[2]
# Those of MMAction2's own data sets are tested by tests/integration/test_mixing.py.
CONFIGS = sorted(
    str(path.relative_to(ROOT / 'configs'))
    for path in (ROOT / 'configs').rglob('*.py')
    if not {'_base_', 'studies'} & {*path.parts} and not path.name.startswith('mmaction_')
)
ABLATIONS = [path for path in CONFIGS if 'ablations' in path and 'authors' not in path]  # that one is another model
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def read(path: str) -> Config:
    return Config.fromfile(ROOT / 'configs' / path)


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


def shrink(cfg: Config) -> None:
    """Widths and numbers that cost time; what follows from them is not said in a config."""
    model = cfg.model
    if 'head' in model:
        model.backbone.embed_dims = model.head.feat_channels = 16
        if 'feat_channels' in model.get('neck', {}):  # of a class
            model.neck.feat_channels = 16
        contrast = cfg.default_hooks.get('contrast', {})
        contrast.update(start_epoch=0, ramp_epochs=0)
        if 'embed_dims' in contrast.get('loss', {}):
            contrast.loss.embed_dims = 16
    elif model.localizer.type == 'mmaction.BMN':
        model.localizer.update(num_samples=2, hidden_dim_1d=8, hidden_dim_2d=8, hidden_dim_3d=8)
    for name in LOADERS:
        cfg[name].update(batch_size=2, num_workers=0, persistent_workers=False)
        cfg[name].dataset.type = 'mmdel.EventDataset'
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.param_scheduler = cfg.param_scheduler[:1]
    cfg.param_scheduler[0].end = 1
    cfg.default_hooks.checkpoint = None


@pytest.mark.parametrize('path', CONFIGS)
def test_it_trains_and_predicts_on_data_in_its_layout(path: str, tmp_path: Path, monkeypatch, half_precision) -> None:
    for name in ('UNAV100', 'THUMOS14', 'ANET13', 'EPIC100', 'GRID', 'DEMO'):
        monkeypatch.delenv(f'MMDEL_{name}_ROOT', raising=False)
    monkeypatch.delenv('MMDEL_EMBEDDINGS', raising=False)
    monkeypatch.chdir(tmp_path)
    cfg = read(path)
    streams = cfg.train_dataloader.dataset.streams
    assert all(cfg[name].dataset.streams == streams for name in LOADERS)
    check_config(cfg)
    shrink(cfg)
    if path.endswith('_unav100.py'):  # each model once in half precision
        set_number_format(cfg, 'bf16', training=True)
        prepare_config(cfg, training=True)
    database = tiny_data.write_data_of(cfg)
    if embeddings := cfg.default_hooks.classes.get('embeddings'):
        names = sorted({event['label'] for video in database.values() for event in video['annotations']})
        names += [f'unused_{number}' for number in range(cfg.num_classes)]
        Path(embeddings).parent.mkdir()
        np.savez(embeddings, names=names, embeddings=np.random.randn(len(names), cfg.model.head.classifier.embed_dims))
    cfg.update(work_dir=str(tmp_path / 'work'), experiment_name=path)
    runner, recorder = Runner.from_cfg(cfg), StepRecorder()
    runner.register_hook(recorder)
    runner.train()

    model = runner.model
    if getattr(model, 'backbone', None):
        assert model.backbone.in_channels == {name: stream.channels for name, stream in streams.items()}
    assert recorder.without_gradient == []
    assert 'loss' in recorder.terms
    assert all(torch.isfinite(torch.tensor(value)) for value in recorder.terms.values())
    assert 'val/event/mAP' in runner.message_hub.log_scalars
    contrast = cfg.default_hooks.get('contrast', dict(enable=False)).get('enable', True)
    assert ('loss_intra' in recorder.terms) == contrast
    if Path(path).name.startswith('del_'):
        assert contrast == ('_scl' in path if 'grid' in path else 'no_scl' not in path)
        assert ('loss_inter' in recorder.terms) == (contrast and len(streams) == 2)
        align = model.backbone.align
        assert isinstance(align, SeparateProjection) == ('no_aat' in path)
        if isinstance(align, EventAlignment):
            kind = next((kind for kind in ('temporal', 'none') if f'mask_{kind}' in path), 'learned')
            assert {block.attention.mask_kind for block in align.blocks} == {kind}


@pytest.mark.parametrize('path', ABLATIONS)
def test_an_ablation_differs_from_its_base_in_what_its_name_says(path: str) -> None:
    """And in nothing else: neither in other parts nor in the training."""
    base = '_'.join(Path(path).stem.split('_')[:2])
    one_stream = {'model.backbone.streams', 'default_hooks.contrast', *LOADERS}
    contrast = set() if base == 'del_grid' else {'default_hooks.contrast'}  # which has none to change
    changed = {
        'no_aat': {'model.backbone.align', *contrast},
        'no_scl': {'default_hooks.contrast'},
        'scl': {'default_hooks.contrast'},
        'no_pan': {'model.neck'},
        'mask_temporal': {'model.backbone.align'},
        'mask_none': {'model.backbone.align'},
        'visual': one_stream,
        'audio': one_stream,
    }[Path(path).stem.removeprefix(f'{base}_')]
    ablated, whole = parts(read(path)), parts(read(f'{base}.py'))
    assert {key for key in {**whole, **ablated} if ablated.get(key) != whole.get(key)} == changed


def test_the_authors_layout_is_one_for_both_data_sets() -> None:
    """Parts, taps and clip; sizes, classes and the longest input are the data's."""
    small, large = (read(path).to_dict() for path in ('ablations/del_demo_authors.py', 'del_unav100_authors.py'))
    for name in ('backbone', 'neck', 'head'):
        assert small['model'][name]['type'] == large['model'][name]['type']
    assert small['default_hooks']['contrast'] == large['default_hooks']['contrast']
    assert small['optim_wrapper']['clip_grad'] == large['optim_wrapper']['clip_grad'] == dict(max_norm=6.0)
    for cfg in (small, large):
        (crop,) = (s for s in cfg['train_dataloader']['dataset']['pipeline'] if s['type'] == 'mmdel.RandomTemporalCrop')
        assert cfg['model']['backbone']['max_steps'] == cfg['model']['test_cfg']['window'] == crop['max_len']


def parts(cfg: Config) -> dict:
    """The settings of a config by the names of its top level, of its hooks and of the model's and backbone's parts."""
    fields = cfg.to_dict()
    for name in ('default_hooks', 'model', 'model.backbone'):
        fields.update({f'{name}.{key}': value for key, value in fields.pop(name).items()})
    return fields


@pytest.mark.parametrize('name', ['del_demo', 'unav_demo', 'actionformer_demo', 'bmn_demo', 'mixing/bmn_del_demo'])
def test_the_config_in_a_work_directory_makes_the_same_model(name: str, tmp_path: Path) -> None:
    """mmengine writes it with sorted keys, so that 'audio' comes before 'visual'."""
    cfg = read(f'{name}.py')
    cfg.dump(tmp_path / 'dumped.py')
    dumped = Config.fromfile(tmp_path / 'dumped.py')
    assert (
        list(dumped.test_dataloader.dataset.streams) == ['audio', 'visual'] != list(cfg.val_dataloader.dataset.streams)
    )
    generator = torch.Generator().manual_seed(0)
    streams = {
        stream: torch.randn(2, 128, grid.channels, generator=generator)
        for stream, grid in cfg.val_dataloader.dataset.streams.items()
    }
    weights, outputs = [], []
    for config, order in ((cfg, ('visual', 'audio')), (dumped, ('audio', 'visual'))):
        torch.manual_seed(0)
        model = MODELS.build(config.model).eval()
        weights.append(model.state_dict())
        inputs = StreamBatch({stream: streams[stream] for stream in order}, torch.ones(2, 128, dtype=torch.bool))
        with torch.no_grad():
            outputs.append(model(inputs, mode='tensor'))
    torch.testing.assert_close(*weights, rtol=0, atol=0)
    torch.testing.assert_close(*outputs, rtol=0, atol=0)
