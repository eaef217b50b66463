"""Every detector, trained and tested through the runner by its demo config, learns a few videos by heart."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_data import write_data_of

ROOT = Path(__file__).parents[2]
CHANNELS = dict(visual=144, audio=64)  # of the demo configs, as are the number of classes


def shrink_bmn(cfg: Config) -> None:
    """32 steps instead of 128; neighbours are suppressed as detections are, not for the recall of 100 proposals."""
    cfg.model.localizer.update(temporal_dim=32, soft_nms_alpha=0.1, soft_nms_low_threshold=0.3)
    cfg.model.localizer.soft_nms_high_threshold = 0.3
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        (resize,) = (step for step in loader.dataset.pipeline if step.type == 'mmdel.ResizeStreams')
        resize.length = 32


@pytest.mark.parametrize(
    ('name', 'max_epochs', 'change'),
    [
        ('del_demo', 24, None),  # with its contrastive loss, which sets in on the way
        ('actionformer_demo', 24, None),
        ('temporalmaxer_demo', 24, None),
        ('tridet_demo', 24, None),
        ('unav_demo', 30, None),
        ('bmn_demo', 96, shrink_bmn),  # its mAP is that of proposals, all of one class
    ],
)
def test_four_videos_are_learned_by_heart(name, max_epochs, change, tmp_path: Path) -> None:
    cfg = Config.fromfile(ROOT / f'configs/{name}.py')
    grid = dict(root=str(tmp_path), stride=4, window=4, fps=16)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.batch_size = 4
        loader.dataset.update(
            type='mmdel.EventDataset',
            ann_file=str(tmp_path / 'annotations.json'),
            subset='train',
            streams={key: dict(files=[f'{{id}}_{key[0]}.npy'], channels=CHANNELS[key], **grid) for key in CHANNELS},
        )
    write_data_of(cfg, dict(train=4), duration_sec=16.0, num_events=3)
    cfg.train_cfg.update(max_epochs=max_epochs, val_interval=max_epochs)
    cfg.param_scheduler = None
    cfg.optim_wrapper.optimizer.lr = 2e-3
    cfg.default_hooks.pop('ema', None)  # an average lags behind what is learned so soon
    cfg.default_hooks.checkpoint = None
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.val_evaluator.update(tious=[0.5])
    cfg.update(experiment_name=f'overfit_{name}', work_dir=str(tmp_path))
    if change is not None:
        change(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.message_hub.get_scalar('val/event/mAP@0.5').current() > 90
