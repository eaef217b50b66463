"""Examine the data sets that a config names: annotations, every feature file, leakage between subsets.

Prints statistics and every kind of defect; the exit status is 1 if there are errors, 0 if there are none (warnings are
allowed), 2 if nothing could be examined.

Examples:
    python tools/data/check.py configs/del_unav100.py
    python tools/data/check.py configs/del_unav100.py --headers-only --json report.json
    python tools/data/check.py configs/del_unav100.py --fix data/unav100/annotations/cleaned.json
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.progress import track

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.datasets.annotation_file import some_of
from mmdel.datasets.checks import (
    KINDS,
    Diagnosis,
    FileFacts,
    Source,
    annotation_tables,
    check_annotations,
    class_list,
    clean,
    count_severities,
    defect_table,
    detail_lines,
    diagnose,
    to_dict,
    write_cleaned,
    write_json,
)
from mmdel.datasets.from_config import find_uses, num_outputs
from mmdel.utils.command_line import ConfigOptions, load_config, run_command
from mmdel.utils.errors import UserInputError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--headers-only',
        action='store_true',
        help='read the shapes of the features, not their content: no search for NaN, nor for the same features twice',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=os.cpu_count() or 1,
        help='processes that read feature files (default: %(default)s)',
    )
    parser.add_argument('--max-lines', type=int, default=20, help='defects to list one by one (default: %(default)s)')
    parser.add_argument('--json', metavar='FILE', help='write all statistics and defects to this file')
    parser.add_argument(
        '--fix',
        metavar='OUT.json',
        help='write a cleaned annotation file, without what is broken; features and existing files stay as they are',
    )
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, help='settings to override, as key=value')
    parser.set_defaults(launcher='none', work_dir=None, local_rank=0)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.workers < 0 or args.max_lines < 0:
        raise UserInputError('--workers and --max-lines must not be negative')
    if args.fix and Path(args.fix).exists():
        raise UserInputError(f'{args.fix} exists and is left alone; name a new file')
    cfg = read_config(args)
    uses = find_uses(cfg)
    started = time.perf_counter()
    diagnosis = diagnose(uses, args.headers_only, args.workers, show_progress, num_outputs(cfg))
    print_report(diagnosis, args.max_lines, time.perf_counter() - started)
    if args.json:
        write_json(args.json, to_dict(diagnosis, args.config))
        print('written:', args.json)
    print_cure(diagnosis, args)
    sys.exit(1 if count_severities(diagnosis.defects)['error'] else 0)


def read_config(args: argparse.Namespace) -> Config:
    """The config; whatever is wrong with it ends in a message."""
    try:
        return load_config(args)
    except UserInputError:
        raise
    except Exception as error:  # a config is a program
        raise UserInputError(f'the config {args.config} cannot be read: {type(error).__name__}: {error}') from error


def show_progress(facts: Iterable[FileFacts], num: int) -> Iterable[FileFacts]:
    """A bar on stderr, if that is a terminal."""
    console = Console(stderr=True)
    return track(facts, 'feature files', total=num, console=console, disable=not console.is_terminal)


def print_report(diagnosis: Diagnosis, max_lines: int, seconds: float) -> None:
    """Statistics, then defects."""
    for source in diagnosis.sources:
        print(f'{source.annotations.ann_file}: {", ".join(use.key for use in source.uses)}')
        print(annotation_tables(source.annotations), end='\n\n')
    defects = diagnosis.defects
    if defects:
        print(defect_table(defects))
        print(*detail_lines(defects, max_lines), sep='\n', end='\n\n')
    numbers = ', '.join(f'{severity} {count}' for severity, count in count_severities(defects).items())
    print(f'{diagnosis.num_files} feature files opened, {seconds:.1f} s. {numbers}')


def print_cure(diagnosis: Diagnosis, args: argparse.Namespace) -> None:
    """Write what --fix asks for and print how to train on it, or say what it would do."""
    options: list[str] = []
    total: Counter = Counter()
    for index, source in enumerate(diagnosis.sources):
        database, done = clean(source.annotations, source.defects)
        total += done
        if args.fix and done:
            path = Path(args.fix).resolve()
            path = path.with_stem(f'{path.stem}_{index}') if len(diagnosis.sources) > 1 else path
            write_cleaned(path, database)
            print(f'written: {path} ({summary(done)})')
            for use in source.uses:
                options += [f'{use.key}.ann_file={path}'] + [f'{use.key}.csv=None'] * (use.dataset.csv is not None)
            print_changes(path, source, database)
    if options:
        given = [f'{key}={value}'.replace(' ', '') for key, value in (args.cfg_options or {}).items()]
        print(shlex.join(['python', 'tools/train.py', args.config, '--cfg-options', *given, *options]))
    elif args.fix:
        print(f'nothing to fix, {args.fix} is not written')
    elif total:
        command = [*sys.argv, '--fix', 'OUT.json']
        print(f'fix it ({summary(total)}): {shlex.join(["python", *command])}')
    errors = {defect.kind for defect in diagnosis.defects if defect.severity == 'error'}
    left = [kind for kind in KINDS if kind in errors and not KINDS[kind].fix]
    if left:
        print(f'for you to mend: {", ".join(left)}')


def summary(done: Counter) -> str:
    """``dropped events: 2, clipped events: 1``."""
    return ', '.join(f'{what}: {count}' for what, count in done.items())


def print_changes(path: Path, source: Source, database: dict) -> None:
    """Tell if a cleaned file has other classes, or other truth to score by."""
    before, dataset = source.annotations, source.uses[0].dataset
    options = (class_list(source.uses[0]), dataset.ignore_labels)
    after = check_annotations(str(path), (), *options, num_classes=dataset.num_classes).classes
    if after != before.classes:
        gone = [str(name) for name in before.classes if name not in after]
        print(f'note: it has {len(after)} classes instead of {len(before.classes)}, without {some_of(gone)}')
    scored = [video.video_id for video in source.videos_of('val', 'test')]
    changed = [video_id for video_id in scored if database.get(video_id) != before.database[video_id]]
    if changed:
        print(f'note: {len(changed)} of the videos that are scored changed: compare no score with those of others')


if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # type: ignore[union-attr]  # ids may be any text
    run_command(main)
