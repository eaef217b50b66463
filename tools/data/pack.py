"""Pack the features that a config's data sets read into one LMDB file, for file systems that are slow with many files.

Every stream of every video becomes one entry, <stream>/<video id>, checked and with its files concatenated. The file
gets its name only when it is complete and was read back; until then, the same command continues where it was stopped.

Example:
    python tools/data/pack.py configs/del_unav100.py --out data/unav100/features.lmdb --dtype float16
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from mmengine.config import Config

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.datasets import EventDataset, feature_pack
from mmdel.datasets.feature_store import as_float32, first_nonfinite_step
from mmdel.datasets.from_config import SPLITS, find_uses
from mmdel.datasets.transforms.loading import load_stream
from mmdel.utils.command_line import load_config
from mmdel.utils.config_options import add_config_options
from mmdel.utils.errors import UserInputError
from mmdel.utils.progress import show_progress
from mmdel.utils.run_command import run_command

CONFIG_LINES = """\
Packed: {out}. A config that reads it:

_base_ = [{base!r}]
pack = {out!r}
packed = dict(streams=dict(_delete_=True, {streams}))
{loaders}"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('--out', required=True, metavar='FILE.lmdb', help='the file to write; it must not exist yet')
    parser.add_argument('--dtype', choices=['float16', 'float32'], help='type of the numbers (default: as stored)')
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    out = Path(args.out)
    if out.suffix != feature_pack.SUFFIX:
        raise UserInputError(f'--out must end in {feature_pack.SUFFIX}, got {out}')
    if out.exists():
        raise UserInputError(f'{out} exists and is left alone; name a new file')
    if not out.parent.is_dir():
        raise UserInputError(f'there is no folder {out.parent}')
    cfg = load_config(args)
    datasets = read_datasets(cfg)
    features = collect_features(datasets.values())

    partial = out.with_suffix(f'.partial{feature_pack.SUFFIX}')
    write(features, str(partial), args.dtype)
    check(features, str(partial), args.dtype)
    os.rename(partial, out)
    print(f'{len(features)} features, {out.stat().st_size / 1e9:.3f} GB')
    streams = next(iter(datasets.values())).streams
    print(
        CONFIG_LINES.format(
            base=os.path.abspath(args.config),
            out=os.path.abspath(out),
            streams=', '.join(f'{name}=dict(root=pack, {as_arguments(name, streams[name])})' for name in streams),
            loaders='\n'.join(f'{name} = dict(dataset=packed)' for name in datasets),
        )
    )


def as_arguments(name: str, stream: dict) -> str:
    """What a config says of a packed stream, of which no streams.json tells the grid."""
    kept = {key: value for key, value in stream.items() if key not in ('root', 'files', 'key')}
    return ', '.join(f'{key}={value!r}' for key, value in dict(files=[f'{name}/{{id}}'], **kept).items())


def read_datasets(cfg: Config) -> dict[str, EventDataset]:
    """The data sets of a config's loaders, by the loaders' names.

    Raises:
        UserInputError: If a loader has another data set, or one in a wrapper.
    """
    found = {use.key: use.dataset for use in find_uses(cfg)}
    loaders = [name for split in SPLITS if cfg.get(name := f'{split}_dataloader') is not None]
    for name in loaders:
        if f'{name}.dataset' not in found:
            raise UserInputError(f'{name}: can pack an mmdel.EventDataset, not {cfg[name].dataset.get("type")}')
        found[f'{name}.dataset'].full_init()
    return {name: found[f'{name}.dataset'] for name in loaders}


def collect_features(datasets: Iterable[EventDataset]) -> dict[str, tuple[str, dict, float]]:
    """What to pack: key → the stream's name, its files and grid, the video's duration; each video once.

    Raises:
        UserInputError: If one video has other files in another data set, or is packed already.
    """
    features: dict[str, tuple[str, dict, float]] = {}
    for dataset in datasets:
        for index in range(len(dataset)):
            record = dataset.get_data_info(index)
            for name, stream in record['streams'].items():
                item = features.setdefault(f'{name}/{record["video_id"]}', (name, stream, record['duration_sec']))
                if item[1]['files'] != stream['files']:
                    raise UserInputError(
                        f'video {record["video_id"]}, stream {name!r}: in one data set {item[1]["files"]}, in another '
                        f'{stream["files"]}'
                    )
                if any(map(feature_pack.is_inside, stream['files'])):
                    raise UserInputError(f'stream {name!r} of {record["video_id"]} is packed: {stream["files"]}')
    return features


def load(feature: tuple[str, dict, float], dtype: str | None) -> np.ndarray:
    """The array to pack.

    Raises:
        UserInputError: If the feature is wrong, or too large for ``dtype``.
    """
    array = load_stream(*feature)
    if dtype == 'float32':
        return as_float32(array)
    if dtype == 'float16':
        with np.errstate(over='ignore'):
            array = array.astype(np.float16)
        step = first_nonfinite_step(array)
        if step is not None:
            raise UserInputError(f'{feature[1]["files"]}: step {step} is too large for float16 (65504)')
    return array


def write(features: dict[str, tuple[str, dict, float]], path: str, dtype: str | None) -> None:
    """Writes what is not in the file yet."""
    writer = feature_pack.PackWriter(path)
    try:
        for key, feature in show_progress(features.items(), len(features), 'packing'):
            if key not in writer:
                writer.put(key, load(feature, dtype))
    finally:
        writer.close()


def check(features: dict[str, tuple[str, dict, float]], path: str, dtype: str | None) -> None:
    """Reads every feature back and compares it with its files, bit by bit.

    Raises:
        UserInputError: If the file holds something else.
    """
    names = {name for name, _, _ in features.values()}
    found = {f'{name}/{entry}' for name in names for entry in feature_pack.list_folder(f'{path}/{name}')}
    wrong = sorted(found ^ features.keys())
    for key, feature in show_progress(features.items(), len(features), 'checking'):
        expected = load(feature, dtype)
        packed = feature_pack.read_entry(f'{path}/{key}') if key in found else expected[:0]
        if packed.dtype != expected.dtype or not np.array_equal(packed, expected):
            wrong.append(key)
    if wrong:
        raise UserInputError(
            f'{path} does not hold what the files do, e.g. {wrong[0]}: was it begun with other files or another '
            '--dtype? Delete it and start again'
        )


if __name__ == '__main__':
    run_command(main)
