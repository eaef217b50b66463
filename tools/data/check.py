"""Examine the data sets that a config names: annotations, every feature file, leakage between subsets.

Prints statistics and every kind of problem; the exit status is 1 if there are errors, 0 if there are none (warnings are
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
from pathlib import Path

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.datasets.annotation_file import Annotations
from mmdel.datasets.checks import (
    Diagnosis,
    Source,
    annotation_tables,
    clean,
    count_severities,
    detail_lines,
    diagnose,
    problem_table,
    to_dict,
    write_cleaned,
)
from mmdel.events.problems import KINDS, some_of
from mmdel.utils.command_line import ConfigOptions, load_config, run_command
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json


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
    parser.add_argument('--max-lines', type=int, default=20, help='problems to list one by one (default: %(default)s)')
    parser.add_argument('--json', metavar='FILE', help='write all statistics and problems to this file')
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
    cfg = load_config(args)
    started = time.perf_counter()
    diagnosis = diagnose(cfg, args.headers_only, args.workers)
    print_report(diagnosis, args.max_lines, time.perf_counter() - started)
    if args.json:
        write_json(args.json, to_dict(diagnosis, args.config), indent=1)
        print('written:', args.json)
    print_cure(diagnosis, args)
    sys.exit(1 if count_severities(diagnosis.problems)['error'] else 0)


def print_report(diagnosis: Diagnosis, max_lines: int, seconds: float) -> None:
    """Statistics, then problems."""
    for source in diagnosis.sources:
        print(f'{source.ann_file}: {", ".join(use.key for use, _ in source.uses)}')
        print(annotation_tables(source.videos(), source.uses[0][1].classes), end='\n\n')
    problems = diagnosis.problems
    if problems:
        print(problem_table(problems))
        print(*detail_lines(problems, max_lines), sep='\n', end='\n\n')
    numbers = ', '.join(f'{severity} {count}' for severity, count in count_severities(problems).items())
    print(f'{diagnosis.num_files} feature files opened, {seconds:.1f} s. {numbers}')


def print_cure(diagnosis: Diagnosis, args: argparse.Namespace) -> None:
    """Write what --fix asks for and print how to train on it, or say what it would do."""
    options: list[str] = []
    total: Counter = Counter()
    for index, source in enumerate(diagnosis.sources):
        database, done = clean(source)
        after = [use.dataset.parse(database) for use, _ in source.uses]
        emptied = sorted({name for annotations in after for name in annotations.subsets if is_empty(name, annotations)})
        if done and emptied:
            print(f'no fix for {source.ann_file}: nothing would be left of {", ".join(emptied)} ({summary(done)})')
            continue
        total += done
        if args.fix and done:
            path = Path(args.fix).resolve()
            path = path.with_stem(f'{path.stem}_{index}') if len(diagnosis.sources) > 1 else path
            write_cleaned(path, database)
            print(f'written: {path} ({summary(done)})')
            for use, _ in source.uses:
                options += [f'{use.key}.ann_file={path}'] + [f'{use.key}.csv=None'] * (use.dataset.csv is not None)
            print_changes(source, database, after[0])
    if options:
        given = [f'{key}={value}'.replace(' ', '') for key, value in (args.cfg_options or {}).items()]
        print(shlex.join(['python', 'tools/train.py', args.config, '--cfg-options', *given, *options]))
    elif args.fix:
        print(f'nothing to fix, {args.fix} is not written')
    elif total:
        command = [*sys.argv, '--fix', 'OUT.json']
        print(f'fix it ({summary(total)}): {shlex.join(["python", *command])}')
    errors = {problem.kind for problem in diagnosis.problems if problem.severity == 'error'}
    left = [kind for kind in KINDS if kind in errors and not KINDS[kind].fix]
    if left:
        print(f'for you to mend: {", ".join(left)}')


def is_empty(subset: str, annotations: Annotations) -> bool:
    """Whether a subset has no video."""
    return all(video.subset != subset for video in annotations.read)


def summary(done: Counter) -> str:
    """``dropped events: 2, clipped events: 1``."""
    return ', '.join(f'{what}: {count}' for what, count in done.items())


def print_changes(source: Source, database: dict, after: Annotations) -> None:
    """Tell if a cleaned file has other classes, or other truth to score by."""
    before = source.uses[0][1].classes
    gone = [name for name in before if name not in after.classes]
    if gone:
        numbers = 'the others keep their numbers' if len(after.classes) == len(before) else 'classes are numbered anew'
        print(f'note: no event is left of {len(gone)} of {len(before)} classes ({some_of(gone)}); {numbers}')
    changed = [name for name in source.read_by('val', 'test') if database.get(name) != source.database[name]]
    if changed:
        print(f'note: {len(changed)} of the videos that are scored changed: compare no score with those of others')


if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # type: ignore[union-attr]  # ids may be any text
    run_command(main)
