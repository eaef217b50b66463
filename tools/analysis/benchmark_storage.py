"""Time to write and to read features of UnAV-100's shape as .npy files, in LMDB, HDF5, zarr and safetensors.

Formats whose package is not installed are left out: pip install h5py lmdb safetensors zarr. A read is one video's two
streams as arrays in memory, in random order, in a process of its own; "cold" is after the system was asked to forget
the files (POSIX_FADV_DONTNEED, which a virtual machine's host may undo).
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from mmdel.datasets.feature_pack import PackWriter, read_entry

Read = Callable[[str], np.ndarray]
WIDTHS = dict(visual=2048, audio=128)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--num-videos', type=int, default=300, help='(default: 300)')
    parser.add_argument('--num-steps', type=int, default=224, help='feature steps of a video (default: 224)')
    parser.add_argument('--repeats', type=int, default=5, help='the median is shown (default: 5)')
    return parser.parse_args()


class Npy:
    """A file for each feature."""

    path = 'npy'

    def write(self, path: Path, features: dict[str, np.ndarray]) -> None:
        for key, array in features.items():
            (path / key).parent.mkdir(parents=True, exist_ok=True)
            np.save(path / f'{key}.npy', array)

    def open(self, path: Path) -> Read:
        return lambda key: np.load(path / f'{key}.npy')


class Lmdb:
    """The packed file of mmdel."""

    path = 'features.lmdb'

    def write(self, path: Path, features: dict[str, np.ndarray]) -> None:
        writer = PackWriter(str(path))
        for key, array in features.items():
            writer.put(key, array)
        writer.close()

    def open(self, path: Path) -> Read:
        return lambda key: read_entry(f'{path}/{key}')


class Hdf5:
    """A data set for each feature, contiguous."""

    path = 'features.h5'

    def write(self, path: Path, features: dict[str, np.ndarray]) -> None:
        import h5py

        with h5py.File(path, 'w', libver='latest') as file:
            for key, array in features.items():
                file.create_dataset(key, data=array)

    def open(self, path: Path) -> Read:
        import h5py

        file = h5py.File(path, 'r', libver='latest', locking=False)
        return lambda key: file[key][()]


class Zarr:
    """An uncompressed array of one chunk for each feature, in one zip file."""

    path = 'features.zip'

    def write(self, path: Path, features: dict[str, np.ndarray]) -> None:
        import zarr

        store = zarr.storage.ZipStore(path, mode='w')
        group = zarr.open_group(store, mode='w')
        for key, array in features.items():
            made = group.create_array(key, shape=array.shape, chunks=array.shape, dtype=array.dtype, compressors=None)
            made[:] = array
        store.close()

    def open(self, path: Path) -> Read:
        import zarr

        group = zarr.open_group(zarr.storage.ZipStore(path, mode='r'), mode='r')
        return lambda key: group[key][:]


class Safetensors:
    """One file, of which all must be in memory to write it."""

    path = 'features.safetensors'

    def write(self, path: Path, features: dict[str, np.ndarray]) -> None:
        from safetensors.numpy import save_file

        save_file(features, path)

    def open(self, path: Path) -> Read:
        from safetensors import safe_open

        return safe_open(path, 'np').get_tensor


FORMATS: dict[str, Any] = dict(numpy=Npy, lmdb=Lmdb, h5py=Hdf5, zarr=Zarr, safetensors=Safetensors)


def read_all(name: str, path: Path, num_videos: int, seed: int) -> float:
    """Seconds to open the file and to read every video."""
    videos = list(range(num_videos))
    random.Random(seed).shuffle(videos)
    start = time.perf_counter()
    read = FORMATS[name]().open(path)
    num_bytes = sum(read(f'{stream}/v{video:05d}').nbytes for video in videos for stream in WIDTHS)
    elapsed = time.perf_counter() - start
    assert num_bytes > 0
    return elapsed


def forget(path: Path) -> None:
    """Asks the system to drop the cached pages of a file, or of a folder's files."""
    os.sync()
    for file in [path] if path.is_file() else path.rglob('*.*'):
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def main() -> None:
    args = parse_args()
    rng = np.random.default_rng(0)
    noise = {name: rng.normal(size=(args.num_steps, width)).astype(np.float16) for name, width in WIDTHS.items()}
    features = {
        f'{name}/v{video:05d}': np.roll(noise[name], video, axis=1)
        for video in range(args.num_videos)
        for name in WIDTHS
    }
    num_bytes = sum(array.nbytes for array in features.values())
    print(f'{args.num_videos} videos, {num_bytes / 1e6:.0f} MB; milliseconds a video')
    print('format        write   read, cached   read, cold')
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in FORMATS.items():
            if importlib.util.find_spec(name) is None:
                continue
            path = Path(folder, kind.path)
            start = time.perf_counter()
            kind().write(path, features)
            os.sync()
            times = {'write': [time.perf_counter() - start], 'warm': [], 'cold': []}
            for repeat in range(args.repeats):
                for state in ('cold', 'warm'):
                    if state == 'cold':
                        forget(path)
                    with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as pool:
                        times[state].append(pool.submit(read_all, name, path, args.num_videos, repeat).result())
            write, warm, cold = (1e3 * median(seconds) / args.num_videos for seconds in times.values())
            print(f'{name:12s} {write:6.2f}   {warm:12.3f}   {cold:10.3f}', flush=True)


if __name__ == '__main__':
    main()
