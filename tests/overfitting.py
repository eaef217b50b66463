"""Training a demo config on four streams until it knows them by heart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmdel.datasets.synthetic import ensure_demo_data

ROOT = Path(__file__).parents[1]


def fit_four_streams(
    config: str, tmp_path: Path, max_epochs: int = 40, lr: float = 2e-3, change: Callable[[Config], None] | None = None
) -> float:
    """The mAP@0.5 [%] of ``configs/<config>`` on four demo streams after training on them, at a constant rate.

    ``change`` may alter the config, e.g. turn drop path off.
    """
    data_root = ensure_demo_data(tmp_path / 'demo', num_videos=dict(train=4))
    cfg = Config.fromfile(ROOT / 'configs' / config)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.batch_size = 4
        loader.dataset.update(type='mmdel.EventDataset', ann_file=str(data_root / 'annotations.json'), subset='train')
        for stream in loader.dataset.streams.values():
            stream.root = str(data_root / 'av_features')
    cfg.train_cfg.update(max_epochs=max_epochs, val_interval=max_epochs)
    cfg.param_scheduler = None
    cfg.optim_wrapper.optimizer.lr = lr
    cfg.custom_hooks = []
    cfg.default_hooks.checkpoint = None  # writing the config's text into each would take most of the time
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.val_evaluator.update(tious=[0.5])
    cfg.update(experiment_name=f'overfit_{Path(config).stem}', work_dir=str(tmp_path / 'work'))
    if change is not None:
        change(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner.message_hub.get_scalar('val/event/mAP@0.5').current()
