"""The configs of the published data sets have the numbers of the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
VGGISH = (96, 96, 100, 128)
# classes · (stride, window, fps, channels) of picture and sound · T · truncation kept from · tIoUs of the mAP
DATA = {
    'unav100': (100, (8, 24, 25, 2048), (32, 96, 100, 128), 224, 0.5, 'unav100'),
    'thumos14': (20, (4, 16, None, 2048), VGGISH, 2304, 0.5, 'thumos14'),
    'anet13': (200, (16, 16, 15, 512), VGGISH, 192, 0.5, 'anet'),
    'unav100_onepeace': (100, (4, 16, 16, 1536), (25, 100, 100, 1536), 256, 0.5, 'unav100'),
    'thumos14_internvideo2': (20, (4, 16, None, 3200), None, 2304, 0.5, 'thumos14'),
    'epic100_verb': (97, (16, 32, 30, 2304), VGGISH, 2304, 0.3, 'epic'),
    'epic100_noun': (300, (16, 32, 30, 2304), VGGISH, 2304, 0.3, 'epic'),
}
# learning rate, weight decay, batch, epochs with the warm-up · sigma, number kept, voting · class-aware, centre radius
MODELS = {
    'del_unav100': ((1e-4, 1e-4, 16, 45), (0.4, 100, None), (True, None)),
    'del_thumos14': ((1e-4, 0.05, 2, 35), (0.5, 200, None), (False, 1.5)),
    'del_anet13': ((1e-3, 0.05, 16, 15), (0.75, 100, 0.9), (False, 1.5)),
    'del_epic100_verb': ((1e-4, 0.05, 3, 55), (0.4, 2000, None), (False, 1.5)),
    'del_epic100_noun': ((1e-4, 0.05, 3, 35), (0.4, 2000, None), (False, 1.5)),
    'actionformer_thumos14': ((1e-4, 0.05, 2, 35), (0.5, 200, None), (False, 1.5)),
    'actionformer_anet13': ((1e-3, 0.05, 16, 15), (0.75, 100, 0.9), (False, 1.5)),
    'actionformer_epic100_verb': ((1e-4, 0.05, 2, 21), (0.4, 2000, None), (False, 1.5)),
    'actionformer_epic100_noun': ((1e-4, 0.05, 2, 21), (0.4, 2000, None), (False, 1.5)),
    'unav_unav100': ((1e-4, 1e-4, 16, 45), (0.4, 100, None), (True, None)),
    'tridet_thumos14': ((1e-4, 0.025, 2, 40), (0.5, 2000, None), (False, 1.5)),
    'temporalmaxer_thumos14': ((1e-4, 0.05, 2, 65), (0.5, 200, None), (False, 1.5)),
}
# Steps that every attention sees, None = all.
DEL = dict(unav100=None, thumos14=19, anet13=7, epic100_verb=9, epic100_noun=9)


def step(loader: dict, name: str) -> Any:
    return next((step for step in loader['dataset']['pipeline'] if step['type'] == f'mmdel.{name}'), None)


@pytest.mark.parametrize('name', DATA)
def test_every_config_of_a_data_set_reads_it_in_one_way(name: str) -> None:
    classes, visual, audio, max_len, trunc_thresh, protocol = DATA[name]
    paths = [
        path
        for path in (*CONFIGS.glob(f'*_{name}*.py'), *CONFIGS.glob(f'ablations/*_{name}*.py'))
        if name == max((known for known in DATA if f'_{known}' in path.stem), key=len)
    ]
    assert paths
    for path in paths:
        cfg = Config.fromfile(path)
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
            assert loader.dataset.num_classes == classes
            for stream, grid in loader.dataset.streams.items():
                assert (stream, tuple(grid[key] for key in ('stride', 'window', 'fps', 'channels'))) in (
                    *(('visual', visual), ('audio', audio)),
                )
        if crop := step(cfg.train_dataloader, 'RandomTemporalCrop'):
            assert (crop.max_len, tuple(crop.crop_ratio), crop.trunc_thresh) == (max_len, (0.9, 1.0), trunc_thresh)
        assert cfg.val_evaluator.protocol == cfg.test_evaluator.protocol == protocol
        assert cfg.auto_scale_lr == dict(enable=False, base_batch_size=cfg.train_dataloader.batch_size)


@pytest.mark.parametrize('name', MODELS)
def test_training_and_suppression(name: str) -> None:
    training, suppression, assignment = MODELS[name]
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    head, optimizer = cfg.model.head, cfg.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.weight_decay) == training[:2]
    assert (cfg.train_dataloader.batch_size, cfg.train_cfg.max_epochs) == training[2:]
    assert cfg.param_scheduler[0].end == cfg.param_scheduler[1].begin == (20 if name == 'tridet_thumos14' else 5)
    assert (cfg.optim_wrapper.clip_grad.max_norm, cfg.default_hooks.ema.momentum) == (1.0, 0.001)
    assert (head.nms.sigma, head.nms.max_num, head.nms.get('voting_threshold')) == suppression
    assert (head.get('class_aware', False), head.assigner.center_sampling_radius) == assignment
    starts = [0, 2, 4, 8, 16, 32] if 'epic' in name else [0, 4, 8, 16, 32, 64]
    assert [start for start, _ in head.point_generator.regress_ranges] == starts
    assert [end for _, end in head.point_generator.regress_ranges[:-1]] == [4, 8, 16, 32, 64]
    # Proposals on ActivityNet: a narrow head, twice the weight on boundaries, and the shortest candidate is kept.
    in_head = (head.feat_channels, head.get('loss_reg', {}).get('loss_weight', 1.0), head.get('min_length', 0.05))
    assert in_head == ((256, 2.0, 0.001) if 'anet' in name else (512, 1.0, 0.05))
    smoothing = head.get('loss_cls', {}).get('label_smoothing', 0.0)
    assert smoothing == (0.1 if 'anet' in name or 'noun' in name else 0.0)
    # On ActivityNet, the two best classes of a video come from outside.
    classes = DATA[name.split('_', 1)[1]][0]
    assert (head.num_classes, head.get('video_score_topk')) == ((1, 2) if 'anet' in name else (classes, None))
    assert (step(cfg.test_dataloader, 'LoadVideoScores') is not None) == ('anet' in name)


@pytest.mark.parametrize('name', DEL)
@pytest.mark.parametrize('variant', ['', '_visual'])
def test_del(name: str, variant: str) -> None:
    window = DEL[name]
    folder = 'ablations/' if name == 'unav100' and variant else ''
    cfg = Config.fromfile(CONFIGS / f'{folder}del_{name}{variant}.py')
    backbone, neck = cfg.model.backbone, cfg.model.neck
    assert (backbone.attn_window, backbone.align.get('window_intra'), neck.attn_window) == (window, window, window)
    streams = ['visual'] if variant else ['visual', 'audio']
    assert backbone.streams == streams == list(cfg.train_dataloader.dataset.streams)
    taps = {tap for tap, place in cfg.default_hooks.contrast.taps.items() if place}
    assert taps == {*streams, *(f'cls_{stream}' for stream in streams)}
