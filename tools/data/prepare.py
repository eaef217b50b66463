"""Put a data set that was downloaded where the configs look for it: by links, next to annotations in our layout.

Features and annotations are found by their names anywhere under --src. Nothing is overwritten; run again, it makes what
lacks.

Examples:
    python tools/data/prepare.py thumos14 --src ~/downloads/thumos --out data/thumos14
    python tools/data/prepare.py epic100 --src ~/epic-kitchens-100-annotations --visual /disk/epic --out data/epic100
"""

from __future__ import annotations

import argparse
import shlex
from collections import Counter
from pathlib import Path

from converters import LAYOUTS, DatasetLayout, Plan, Sources, make_plan

from mmdel.events.problems import some_of
from mmdel.utils.errors import UserInputError
from mmdel.utils.progress import show_progress
from mmdel.utils.run_command import run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dataset', choices=sorted(LAYOUTS), help='data set')
    parser.add_argument('--src', required=True, nargs='+', metavar='DIR', help='where the downloaded files lie')
    parser.add_argument('--out', required=True, metavar='DIR', help="the data set's folder, made if need be")
    parser.add_argument(
        '--visual', metavar='DIR', help='where the visual features lie, if not (or not alone) under --src'
    )
    parser.add_argument(
        '--audio', metavar='DIR', help='where the audio features lie, if not (or not alone) under --src'
    )
    parser.add_argument('--dry-run', action='store_true', help='only tell what would be done')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    layout = LAYOUTS[args.dataset]
    sources = Sources(*args.src, skipped=args.out)
    folders = {name: Sources(folder) for name in ('visual', 'audio') if (folder := getattr(args, name)) is not None}
    plan = make_plan(layout, sources, args.out, folders)
    outstanding = plan.outstanding()
    print_annotations(plan)
    print_lacking(plan)
    print(f'files: {len(plan.files) - len(outstanding)} are there, {len(outstanding)} to make')
    if args.dry_run:
        for path, file in list(outstanding.items())[:10]:
            print(f'  {path}  {type(file).__name__.lower()} {getattr(file, "source", "")}'.rstrip())
        return
    try:
        for path, file in show_progress(outstanding.items(), len(outstanding), 'making'):
            file.make(path)
    except OSError as error:
        raise UserInputError(f'Cannot write to {args.out}: {error}') from error
    print_next(layout, plan, args.out)


def print_annotations(plan: Plan) -> None:
    """What each annotation file has."""
    for path, events in plan.annotations.items():
        subsets = Counter(video.subset for video in events.videos)
        of = ', '.join(f'{count} {name}' for name, count in subsets.items())
        print(f'{path.name}: {len(events.videos)} videos ({of}), {len(events)} events, {len(events.labels)} labels')


def print_lacking(plan: Plan) -> None:
    """The videos without features of a stream, by subset."""
    videos = plan.videos
    for stream, lacking in plan.lacking.items():
        if lacking:
            subsets = Counter(videos[name].subset for name in lacking)
            of = ', '.join(f'{count} {name}' for name, count in subsets.items())
            print(f'{stream}: {len(lacking)} of {len(videos)} videos have no features ({of}): {some_of(lacking)}')
    if plan.packed and any(plan.lacking.values()):
        print(plan.packed.strip())


def print_next(layout: DatasetLayout, plan: Plan, out: str) -> None:
    """The commands that check the data and train."""
    with_sound = len(plan.lacking.get('audio', ())) < len(plan.videos)
    if not with_sound:
        print('There are no audio features, so these configs do without.')
    streams = plan.lacking if with_sound else ('visual',)
    for path, notice in layout.optional.items():
        if Path(out).absolute() / path not in plan.files:
            print(notice)
    options = ''
    if any(plan.lacking[stream] for stream in streams):
        loaders = ('train', 'val', 'test')
        options = ' --cfg-options ' + ' '.join(f'{name}_dataloader.dataset.missing=skip' for name in loaders)
        print('Videos without features are left out by missing=skip.')
    print('Next:')
    print(f'  export {layout.root_variable}={shlex.quote(str(Path(out).absolute()))}')
    for config in layout.configs if with_sound else layout.visual_configs:
        print(f'  mmdel check {config}')
        print(f'  mmdel train {config}{options}')


if __name__ == '__main__':
    run_command(main)
