"""Videos a second that a data loader gives, on made-up features of UnAV-100's shape in a temporary folder.

The whole pipeline is timed: load, align, crop, pack, collate, and the way from the workers. The reference is the same
loader on a data set that does nothing but np.load of the same files. How many videos a second the process of the
training could take is told by the time that it computes for each, which is no wall time.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from benchmarking import WIDTHS, write_unav100
from mmengine.config import Config
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmdel.datasets import EventDataset
from mmdel.datasets.feature_pack import PackWriter
from mmdel.datasets.transforms.loading import load_stream


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', nargs='?', default='configs/del_unav100.py', help="a config of UnAV-100's layout")
    parser.add_argument('--num-videos', type=int, default=320, help='videos of an epoch (default: 320)')
    parser.add_argument('--num-steps', type=int, default=224, help='feature steps of a video (default: 224)')
    parser.add_argument('--num-workers', type=int, default=2, help='workers of the loader (default: 2)')
    parser.add_argument('--dtype', default='float16', choices=['float16', 'float32'], help='(default: float16)')
    parser.add_argument('--repeats', type=int, default=5, help='timed epochs; the median counts (default: 5)')
    return parser.parse_args()


class PlainFiles(torch.utils.data.Dataset):
    """What is left of loading if nothing is checked, aligned, cropped or converted."""

    def __init__(self, folder: Path, num_videos: int) -> None:
        self.folder, self.num_videos = folder, num_videos

    def __len__(self) -> int:
        return self.num_videos

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        return [torch.from_numpy(np.load(self.folder / f'v{index:06d}_{name}.npy')) for name in WIDTHS]


def write_pack(dataset: EventDataset, path: str) -> None:
    """The streams of all videos in one packed file."""
    writer = PackWriter(path)
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        for name, stream in record['streams'].items():
            writer.put(f'{name}/{record["video_id"]}', load_stream(name, stream, record['duration_sec']))
    writer.close()


def build_loader(cfg: Config, num_workers: int, streams: dict | None = None, cache_gb: float = 0.0) -> DataLoader:
    """The training loader of a config, with other workers, streams or cache."""
    loader = cfg.train_dataloader.copy()
    loader.update(num_workers=num_workers, persistent_workers=num_workers > 0)
    for name, changes in (streams or {}).items():
        loader.dataset.streams[name].update(changes)
    for step in loader.dataset.pipeline:
        if step.type == 'mmdel.LoadFeatures':
            step.cache_gb = cache_gb
    return Runner.build_dataloader(loader, seed=0)


def epoch_seconds(loader: DataLoader, num_videos: int) -> tuple[float, float]:
    """Wall time of one epoch, and computing time of this process in it."""
    start, start_own, seen = time.perf_counter(), time.process_time(), 0
    for batch in loader:
        seen += len(batch['data_samples']) if isinstance(batch, dict) else len(batch[0])
    assert seen == num_videos
    return time.perf_counter() - start, time.process_time() - start_own


def build_loaders(cfg: Config, root: Path, args: argparse.Namespace) -> dict[str, DataLoader]:
    """The loaders to compare, the reference first."""
    plain = DataLoader(
        PlainFiles(root / 'av_features', args.num_videos),
        batch_size=cfg.train_dataloader.batch_size,
        shuffle=True,
        num_workers=args.num_workers,
        persistent_workers=args.num_workers > 0,
        collate_fn=lambda videos: list(zip(*videos, strict=True)),
    )
    files = build_loader(cfg, args.num_workers)
    loaders = {'np.load alone': plain, '.npy files': files}
    pack = str(root / 'features.lmdb')
    assert isinstance(files.dataset, EventDataset)
    write_pack(files.dataset, pack)
    streams = {name: dict(root=pack, files=[f'{name}/{{id}}']) for name in ('visual', 'audio')}
    return {
        **loaders,
        'packed': build_loader(cfg, args.num_workers, streams),
        'cached': build_loader(cfg, args.num_workers, cache_gb=8.0),
    }


def main() -> None:
    args = parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        noise = np.random.default_rng(0).normal(size=(args.num_steps, max(WIDTHS.values()))).astype(args.dtype)
        lengths = [args.num_steps] * args.num_videos
        write_unav100(root, lengths, ['train'], lambda path, _, width: np.save(path, noise[:, :width]))
        os.environ['MMDEL_UNAV100_ROOT'] = folder
        loaders = build_loaders(Config.fromfile(args.config), root, args)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in loaders}
        for repeat in range(args.repeats + 1):
            for name, loader in loaders.items():  # in turns, so that a busy machine slows all
                elapsed = epoch_seconds(loader, args.num_videos)
                times[name] += [elapsed] if repeat else []
        del loaders
    print(
        f'{args.config}: {args.num_videos} videos of {args.num_steps} steps, {args.dtype}, '
        f'{args.num_workers} workers, from the page cache'
    )
    print('                  videos/s   a worker   of np.load alone   the training could take')
    reference = [wall for wall, _ in times['np.load alone']]
    for name, seconds in times.items():
        walls, owns = zip(*seconds, strict=True)
        ratio = median(a / b for a, b in zip(reference, walls, strict=True))
        rate, most = args.num_videos / median(walls), args.num_videos / median(owns)
        each = rate / max(args.num_workers, 1)
        print(f'{name:14s} {rate:11.0f} {each:10.0f} {ratio:17.2f} {most:19.0f} videos/s')


if __name__ == '__main__':
    main()
