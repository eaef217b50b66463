"""Write a config for annotations and features of your own, in which every setting is chosen by the data.

ANNOTATIONS is a file of events, of any format that docs/formats.md lists. DIR is a folder that `mmdel extract` wrote;
its streams.json tells what the features are. Where the file names no subsets, the videos are split into them anew.

Examples:
    mmdel init events.csv --features features
    mmdel init events.json --features features --streams audio --out sound_alone.py
    mmdel init events.json --features features --subsets train validation test
"""

from __future__ import annotations

import argparse
import os
import shlex
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmdel.datasets.choices import DataSize, choose, is_small, schedule_of
from mmdel.datasets.feature_store import feature_path, feature_shape
from mmdel.datasets.transforms.aligning import reference_stream
from mmdel.events import Events, read_events, write_events
from mmdel.events.problems import some_of
from mmdel.features.sidecar import STREAMS_FILE, StoredStream, read_stored_streams
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole
from mmdel.utils.names import canonical_subset

SEED = 0
MIN_STEPS, MAX_SHORT_SHARE = 2, 0.1  # of events
TEMPLATE = """\
# For {what}.
# Written by: mmdel init {command}
# What is chosen by the data has its reason beside it; change what you like. docs/custom_data.md tells what there is.
_base_ = [
    'mmdel::_base_/{schedule}.py',
    'mmdel::_base_/loaders.py',
    'mmdel::_base_/models/del.py',
]
# ---------------------------------------------------------------------------------------------------------------------
ann_file = {ann_file!r}
{subsets}
classes = {classes}
num_classes = {num_classes}

# The rest is in {sidecar}.
{streams}

{choices}
# ---------------------------------------------------------------------------------------------------------------------

dataset = dict(ann_file=ann_file, classes=classes, num_classes=num_classes, streams=dict({by_name}))
crop = dict(type='mmdel.RandomTemporalCrop', max_len=max_len, crop_ratio=crop_ratio, trunc_thresh=0.5)
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=2,
    dataset=dict(**dataset, subset=train_subset, pieces=pieces, pipeline=[*_base_.load, crop, _base_.pack]),
)
val_dataloader = dict(dataset=dict(**dataset, subset=val_subset))
test_dataloader = dict(dataset=dict(**dataset, subset=test_subset))
val_evaluator = test_evaluator = dict(tious=[0.3, 0.5, 0.7])

model = dict(
    backbone=dict(
        in_channels=dict(_delete_=True, {channels}),
        streams={names!r},
        embed_dims=embed_dims,
        num_levels=num_levels,
        align=dict(window_intra=window),
        attn_window=window,
        dropout=dropout,
    ),
    neck=dict(attn_window=window, dropout=dropout),
    head=dict(
        num_classes=num_classes,
        feat_channels=embed_dims,
        class_aware=False,
        point_generator=dict(regress_ranges=regress_ranges),
        assigner=dict(center_sampling_radius=1.5),
        nms=dict(max_num=max_num),
    ),
)
{contrast}train_cfg = dict(max_epochs=max_epochs, val_interval=val_interval)
optim_wrapper = dict(optimizer=dict(lr=lr, weight_decay=weight_decay))
auto_scale_lr = dict(base_batch_size=batch_size)
"""
CONTRAST = """\
default_hooks = dict(
    contrast=dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss'),
        taps=dict(
{taps}
        ),
    )
)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel init``."""
    parser.add_argument('annotations', metavar='ANNOTATIONS', help='file of events')
    parser.add_argument('--features', metavar='DIR', required=True, help='folder that `mmdel extract` wrote')
    parser.add_argument('--streams', nargs='+', metavar='NAME', help='streams to use (default: all of DIR)')
    parser.add_argument('--out', default='my_config.py', metavar='FILE', help='config to write (default: %(default)s)')
    parser.add_argument(
        '--subsets',
        nargs='+',
        metavar='NAME',
        help="the file's names of the videos for training, validation and, if there are any, test (default: train, "
        'val, test; if it names none, 80 %% and 20 %% of the videos, or 80, 10 and 10 %% from 200 videos on)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace files that are there')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    out = Path(args.out)
    if out.suffix != '.py':
        raise UserInputError(f'--out {out}: the name of a config ends in .py')
    if out.exists() and not args.overwrite:
        raise UserInputError(f'{out} exists and is left alone; name another file, or say --overwrite')
    streams = read_streams(args.features, args.streams)
    events, ann_file = read_events(args.annotations), args.annotations
    if not len(events):
        raise UserInputError(f'{args.annotations} has no events to learn')
    if args.subsets is None and not any(video.subset for video in events.videos):
        events = events.split((0.8, 0.2) if len(events.videos) < 200 else (0.8, 0.1, 0.1), SEED)
        ann_file = str(out.with_name(f'{out.stem}_events.json'))
        write_events(events, ann_file, overwrite=args.overwrite)
        print(f'written: {ann_file}, in which the videos are split into subsets')
    subsets = choose_subsets(events, args.subsets, args.annotations)
    train = events.select([video.video_id for video in events.videos if canonical_subset(video.subset) == subsets[0]])
    size = measure(train, args.features, streams)
    tell_of_short_events(size)
    text = fill(args, ann_file, events, subsets, streams, size)
    with written_whole(out) as file:
        file.write(text)
    print(f'written: {out}')
    print(f'next:    mmdel check {out}\n         mmdel train {out}')


def read_streams(folder: str, names: Sequence[str] | None) -> dict[str, StoredStream]:
    """The streams of a folder of features that are to be used.

    Raises:
        UserInputError: If it has no sidecar, or not these streams.
    """
    path, stored = Path(folder, STREAMS_FILE), read_stored_streams(folder)
    if stored is None:
        raise UserInputError(f'{path} is not there: `mmdel extract VIDEOS --out {folder}` writes it with the features')
    chosen = list(names or stored)
    for name in chosen:
        if name not in stored:
            raise UserInputError(f'--streams {name}: {folder} has {", ".join(stored)}')
    if not 1 <= len(chosen) <= 2:
        raise UserInputError(f'{folder} has {", ".join(stored) or "no streams"}: choose one or two by --streams')
    return {name: stored[name] for name in sorted(chosen, reverse=True)}  # visual before audio


def choose_subsets(events: Events, wanted: Sequence[str] | None, file: str) -> list[str]:
    """The names of the subsets for training, validation and test; without a test, validation's twice.

    Raises:
        UserInputError: If the file has no videos of one of them.
    """
    found = Counter(canonical_subset(video.subset) for video in events.videos if video.subset)
    names = [canonical_subset(name) for name in wanted or ('train', 'val')]
    if not 2 <= len(names) <= 3:
        raise UserInputError(f'--subsets takes two or three names, got {", ".join(names)}')
    if wanted is None:
        names = ['train', 'val' if 'val' in found or 'test' not in found else 'test']
        names.append('test' if 'test' in found else 'val')
    lacking = [name for name in names if name not in found]
    if lacking:
        counted = ', '.join(f'{count} of {name}' for name, count in found.items()) or 'none with a subset'
        raise UserInputError(
            f'{file} has no videos of the subset {lacking[0]} ({counted}): choose by --subsets TRAIN VAL, or split the '
            'videos by `mmdel convert --split`'
        )
    return names if len(names) == 3 else [*names, names[-1]]


def measure(events: Events, folder: str, streams: Mapping[str, StoredStream]) -> DataSize:
    """What the settings are chosen by, of the training videos.

    Raises:
        UserInputError: If none of them has features, or none an event.
    """
    stream = streams[reference_stream(streams)]
    paths = {name: feature_path(os.path.join(folder, stream.files[0]), name) for name in events.video_ids}
    there = {name: path for name, path in paths.items() if os.path.exists(path)}
    if not there or not len(events):
        what = f'none of its {len(paths)} training videos has features, e.g. {next(iter(paths.values()))}'
        raise UserInputError(f'{what} is not there' if not there else 'there is no event in the training videos')
    if len(there) < len(paths):
        lacking = [name for name in paths if name not in there]
        print(f'warning: {len(lacking)} of {len(paths)} training videos have no features: {some_of(lacking)}')
    counts = np.bincount(events.video_index, minlength=1)
    return DataSize(
        steps=np.array([feature_shape(path)[0] for path in there.values()]),
        event_steps=np.maximum(events.end_sec - events.start_sec, 0) / step_sec(stream),
        most_events=int(counts.max()),
        step_sec=step_sec(stream),
    )


def tell_of_short_events(size: DataSize) -> None:
    """A warning where the steps are too long for many of the events."""
    share = float((size.event_steps < MIN_STEPS).mean())
    if share > MAX_SHORT_SHARE:
        print(
            f'warning: {share:.0%} of the events last less than {MIN_STEPS} steps of {size.step_sec:.4g} s, and are '
            'hardly found: extract features with a shorter step, e.g. mmdel extract --visual fine_frames --audio '
            'fine_log_mel'
        )


def fill(
    args: argparse.Namespace,
    ann_file: str,
    events: Events,
    subsets: Sequence[str],
    streams: Mapping[str, StoredStream],
    size: DataSize,
) -> str:
    """The text of the config."""
    classes = sorted(events.labels)
    hours = len(size.steps) and size.steps.sum() * size.step_sec / 3600
    names = list(streams)
    same = '  # there is no further subset' if subsets[1] == subsets[2] else ''
    given = [args.annotations, '--features', args.features]
    given += ['--streams', *args.streams] if args.streams else []
    given += ['--subsets', *args.subsets] if args.subsets else []
    return TEMPLATE.format(
        what=f'{len(size.steps)} training videos, {hours:.2g} hours, with {len(size.event_steps)} events of '
        f'{len(classes)} classes',
        command=shlex.join(given),
        schedule=schedule_of(size),
        ann_file=ann_file,
        subsets=f'train_subset, val_subset, test_subset = {", ".join(map(repr, subsets))}{same}',
        classes=as_list(classes),
        num_classes=len(classes),
        sidecar=Path(args.features, STREAMS_FILE),
        streams='\n'.join(tell_stream(name, args.features, stream) for name, stream in streams.items()),
        choices='\n'.join(f'{name} = {choice.value!r}  # {choice.why}' for name, choice in choose(size).items()),
        by_name=', '.join(f'{name}={name}' for name in names),
        channels=', '.join(f"{name}={name}['channels']" for name in names),
        names=names,
        contrast='' if is_small(size) else CONTRAST.format(taps='\n'.join(map(taps_of, names))),
    )


def taps_of(name: str) -> str:
    """Where the contrastive loss reads a stream, as in _base_/models/del.py."""
    lines = f"{name}='backbone.align:streams.{name}',\ncls_{name}='backbone.align:cls.{name}',"
    return textwrap.indent(lines, 12 * ' ')


def tell_stream(name: str, folder: str, stream: StoredStream) -> str:
    """The line of a stream, with what its steps are as a comment."""
    what = f'a step every {step_sec(stream):.4g} s, of {stream.window / stream.fps:.4g} s'
    return f'{name} = dict(root={folder!r}, channels={stream.channels})  # {what}'


def step_sec(stream: StoredStream) -> float:
    """Seconds from one step of a stream to the next."""
    return stream.stride / stream.fps


def as_list(names: Sequence[str]) -> str:
    """A list of texts, in one line or indented in several."""
    text = ', '.join(map(repr, names))
    return f'[{text}]' if len(text) < 100 else '\n'.join(['[', *(f'    {name!r},' for name in names), ']'])
