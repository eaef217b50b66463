"""The whole detector, trained and tested through the runner, learns what it is shown."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmdel.datasets.synthetic import ensure_demo_data

ROOT = Path(__file__).parents[2]


def test_four_streams_are_learned_by_heart(tmp_path: Path) -> None:
    data_root = ensure_demo_data(tmp_path / 'demo', num_videos=dict(train=4))
    cfg = Config.fromfile(ROOT / 'configs/del_demo.py')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.batch_size = 4
        loader.dataset.update(type='mmdel.EventDataset', ann_file=str(data_root / 'annotations.json'), subset='train')
        for stream in loader.dataset.streams.values():
            stream.root = str(data_root / 'av_features')
    cfg.model.backbone.drop_path = 0.0
    cfg.train_cfg.update(max_epochs=40, val_interval=40)
    cfg.param_scheduler = None
    cfg.optim_wrapper.optimizer.lr = 2e-3
    cfg.custom_hooks = []
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.val_evaluator.update(tious=[0.5])
    cfg.experiment_name = 'overfit'
    cfg.work_dir = str(tmp_path / 'work')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.message_hub.get_scalar('val/event/mAP@0.5').current() > 95
