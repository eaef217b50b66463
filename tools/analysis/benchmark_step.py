"""Time inference, a training step, and what the contrastive loss adds to it, on random features at full size."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from types import SimpleNamespace

import torch
from benchmarking import random_batch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper

from mmdel.engine.hooks import ScoreContrastiveHook
from mmdel.registry import MODELS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', nargs='?', default='configs/del_unav100.py', help='config file (default: UnAV-100)')
    parser.add_argument('--num-steps', type=int, default=224, help='feature steps T of a video (default: 224)')
    parser.add_argument('--batch-size', type=int, default=2, help='videos of a training step (default: 2)')
    parser.add_argument('--num-events', type=int, default=6, help='events of a video (default: 6)')
    parser.add_argument('--repeats', type=int, default=7, help='timed repeats; the median is shown (default: 7)')
    return parser.parse_args()


class Trainer:
    """A model and its optimizer, with or without the contrastive loss, driven as the runner drives them."""

    def __init__(self, cfg: Config, contrastive: bool, device: torch.device) -> None:
        torch.manual_seed(0)
        self.model: BaseModel = MODELS.build(cfg.model).to(device)
        self.optim_wrapper = build_optim_wrapper(self.model, cfg.optim_wrapper)
        classes = tuple(map(str, range(cfg.model.head.num_classes)))
        self.train_dataloader = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes)))
        if contrastive:
            args = {key: value for key, value in cfg.default_hooks.contrast.items() if key != 'type'}
            hook = ScoreContrastiveHook(**{**args, 'start_epoch': 0, 'ramp_epochs': 0})
            hook.before_run(self)
            hook.before_train(self)

    def step(self, batch: dict) -> None:
        """One training step: forward, losses, backward, clipping, optimizer."""
        self.model.train_step(batch, self.optim_wrapper)


def seconds(call: Callable[[], object], device: torch.device) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def main() -> None:
    args = parse_args()
    logging.disable(logging.INFO)  # mmengine tells how every parameter was initialised
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    cfg = Config.fromfile(args.config)
    batch = random_batch(cfg, args.batch_size, args.num_steps, args.num_events)
    one = random_batch(cfg, 1, args.num_steps, args.num_events)

    trainers = {'without': Trainer(cfg, False, device), 'with': Trainer(cfg, True, device)}
    times: dict[str, list[float]] = {'without': [], 'with': []}
    for repeat in range(args.repeats + 2):
        for name, trainer in trainers.items():  # in turns, so that a busy machine slows both
            elapsed = seconds(partial(trainer.step, batch), device)
            times[name] += [elapsed] if repeat >= 2 else []

    model = trainers['without'].model.eval()
    inference = []
    for repeat in range(args.repeats + 2):
        with torch.no_grad():
            elapsed = seconds(partial(model.test_step, one), device)
        inference += [elapsed] if repeat >= 2 else []

    size = sum(p.numel() for p in model.parameters()) / 1e6
    print(f'{args.config}: {size:.1f} M parameters, T = {args.num_steps}, {device}, {torch.get_num_threads()} threads')
    print(f'inference, one video, events included      {median(inference):.3f} s')
    print(f'training step, {args.batch_size} videos                    {median(times["without"]):.3f} s')
    print(f'training step with the contrastive loss    {median(times["with"]):.3f} s')
    ratio = median(b / a for a, b in zip(times['without'], times['with'], strict=True))
    print(f'ratio of the two                           {ratio:.3f}')


if __name__ == '__main__':
    main()
