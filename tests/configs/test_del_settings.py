"""DEL's configs have the settings of each data set: a table beside the configs, written out on its own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
RANGES = [(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)]
OVERLAPPING = [(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)]
VGGISH = (96, 96, 100, 128)


class Settings(NamedTuple):
    """A column of the table; the last level's window is global where ``last`` says so."""

    classes: int
    visual: tuple
    audio: tuple
    max_len: int
    window: int
    last: int
    ranges: list
    class_aware: bool
    radius: float | None
    training: tuple  # learning rate, weight decay, batch, epochs with 5 of warm-up
    nms: tuple  # sigma, number kept, voting
    guide: str
    trunc_thresh: float
    protocol: str


TABLE = {
    'unav100': Settings(
        *(100, (8, 24, 25, 2048), (32, 96, 100, 128), 224, -1, -1, RANGES, True, None),
        *((1e-4, 1e-4, 16, 45), (0.4, 100, None), 'max_sigmoid', 0.5, 'unav100'),
    ),
    'thumos14': Settings(
        *(20, (4, 16, None, 2048), VGGISH, 2304, 19, 19, RANGES, False, 1.5),
        *((1e-4, 0.05, 2, 35), (0.5, 200, 0.7), 'cross', 0.5, 'thumos14'),
    ),
    'anet13': Settings(
        *(200, (16, 16, 15, 512), VGGISH, 192, 7, -1, RANGES, False, 1.5),
        *((1e-3, 0.05, 16, 15), (0.75, 100, 0.9), 'cross', 0.5, 'anet'),
    ),
    'epic100_verb': Settings(
        *(97, (16, 32, 30, 2304), VGGISH, 2304, 9, 9, OVERLAPPING, False, 1.5),
        *((1e-4, 0.05, 3, 55), (0.4, 2000, None), 'cross', 0.3, 'epic'),
    ),
    'epic100_noun': Settings(
        *(300, (16, 32, 30, 2304), VGGISH, 2304, 9, 9, OVERLAPPING, False, 1.5),
        *((1e-4, 0.05, 3, 35), (0.4, 2000, None), 'cross', 0.3, 'epic'),
    ),
}


def grid(stream: dict) -> tuple:
    return stream['stride'], stream['window'], stream['fps'], stream['channels']


def find(pipeline: list[dict], name: str) -> dict | None:
    return next((step for step in pipeline if step['type'] == f'mmdel.{name}'), None)


@pytest.mark.parametrize('name', TABLE)
@pytest.mark.parametrize('variant', ['', '_visual'])
def test_settings(name: str, variant: str) -> None:
    path = Path(f'ablations/del_{name}_visual.py') if name == 'unav100' and variant else Path(f'del_{name}{variant}.py')
    cfg, expected = Config.fromfile(ROOT / 'configs' / path), TABLE[name]
    dataset, model, head = cfg.train_dataloader.dataset, cfg.model, cfg.model.head
    streams = {key: grid(stream) for key, stream in dataset.streams.items()}
    assert streams == {'visual': expected.visual} | ({} if variant else {'audio': expected.audio})
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.streams == dataset.streams and loader.dataset.test_mode
    crop = find(dataset.pipeline, 'RandomTemporalCrop')
    assert (crop.max_len, tuple(crop.crop_ratio), crop.trunc_thresh) == (
        *(expected.max_len, (0.9, 1.0)),
        expected.trunc_thresh,
    )
    assert model.backbone.attn_window == expected.window
    assert model.backbone.align.get('window_intra') == (None if expected.window == -1 else expected.window)
    windows = model.neck.attn_window
    assert ([windows] * 6 if isinstance(windows, int) else windows) == [expected.window] * 5 + [expected.last]
    assert model.neck.guide == expected.guide
    assert [tuple(limits) for limits in head.point_generator.regress_ranges] == expected.ranges
    assert (head.class_aware, head.assigner.center_sampling_radius) == (expected.class_aware, expected.radius)
    assert (head.nms.sigma, head.nms.max_num, head.nms.get('voting_threshold')) == expected.nms
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.weight_decay, cfg.train_dataloader.batch_size, cfg.train_cfg.max_epochs) == (
        expected.training
    )
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size
    assert cfg.param_scheduler[0].end == 5
    assert cfg.val_evaluator.protocol == expected.protocol
    assert cfg.num_classes == expected.classes
    assert head.num_classes == (1 if name == 'anet13' else expected.classes)
    contrast = cfg.custom_hooks[1]
    assert contrast.loss.num_classes == expected.classes
    assert len(contrast.taps) == 2 * len(streams)


def test_activitynet_is_resized_and_takes_its_classes_from_outside() -> None:
    cfg = Config.fromfile(ROOT / 'configs/del_anet13.py')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        assert find(loader.dataset.pipeline, 'ResizeStreams').length == 192
    assert find(cfg.test_dataloader.dataset.pipeline, 'LoadVideoScores').score_file.endswith('video_scores.json')
    assert cfg.model.head.video_score_topk == 2


def test_epic_keeps_more_candidates() -> None:
    assert Config.fromfile(ROOT / 'configs/del_epic100_verb.py').model.head.pre_nms_num == 5000
