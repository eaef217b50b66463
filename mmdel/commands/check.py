"""Examine the data sets that a config names: annotations, every feature file, leakage between subsets; or files of
events alone.

Prints statistics and every kind of problem; the exit status is 1 if there are errors, 0 if there are none (warnings are
allowed), 2 if nothing could be examined.

Examples:
    mmdel check del_unav100
    mmdel check mine.py --headers-only --json report.json
    mmdel check mine.py --fix cleaned.json
    mmdel check annotations.json
    mmdel check lfav_val_audio.csv lfav_test_audio.csv
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmdel.datasets.checks import (
    Diagnosis,
    Source,
    annotation_tables,
    clean,
    count_severities,
    detail_lines,
    diagnose,
    file_statistics,
    problem_table,
    to_dict,
    write_cleaned,
)
from mmdel.events.annotations import Annotations, parse_annotations
from mmdel.events.formats.activitynet import to_database
from mmdel.events.problems import KINDS, Problem, some_of
from mmdel.events.raw import RawEvents
from mmdel.events.reading import read_raw
from mmdel.utils.command_line import load_config
from mmdel.utils.config_options import add_config_options
from mmdel.utils.cores import num_cores
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.read_config import is_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel check``."""
    parser.add_argument('config', nargs='+', help='config, or files of events of one data set')
    parser.add_argument('--from', dest='format', metavar='FORMAT', help='format of the files of events')
    parser.add_argument(
        '--headers-only',
        action='store_true',
        help='read the shapes of the features, not their content: no search for NaN, nor for the same features twice',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=num_cores(),
        help='processes that read feature files (default: %(default)s)',
    )
    parser.add_argument('--max-lines', type=int, default=20, help='problems to list one by one (default: %(default)s)')
    parser.add_argument('--json', metavar='FILE', help='write all statistics and problems to this file')
    parser.add_argument(
        '--fix',
        metavar='OUT.json',
        help='write a cleaned annotation file, without what is broken; features and existing files stay as they are',
    )
    add_config_options(parser)


def main(args: argparse.Namespace) -> None:
    """Run it."""
    if args.workers < 0 or args.max_lines < 0:
        raise UserInputError('--workers and --max-lines must not be negative')
    if args.fix and Path(args.fix).exists():
        raise UserInputError(f'{args.fix} exists and is left alone; name a new file')
    started = time.perf_counter()
    if not any(map(is_config, args.config)):
        problems = check_files(args)
    else:
        if len(args.config) > 1:
            raise UserInputError(f'name one config, or files of events alone, got {", ".join(args.config)}')
        args.config = args.config[0]
        diagnosis = diagnose(load_config(args), args.headers_only, args.workers)
        problems = diagnosis.problems
        for source in diagnosis.sources:
            print(f'{source.ann_file}: {", ".join(use.key for use, _ in source.uses)}')
            print(annotation_tables(source.videos(), source.uses[0][1].classes), end='\n\n')
        print_problems(problems, args.max_lines)
        print(f'{diagnosis.num_files} feature files opened, {time.perf_counter() - started:.1f} s. {counts(problems)}')
        if args.json:
            write_json(args.json, to_dict(diagnosis, args.config), indent=1)
            print('written:', args.json)
        print_cure(diagnosis, args)
    sys.exit(1 if count_severities(problems)['error'] else 0)


def check_files(args: argparse.Namespace) -> list[Problem]:
    """Examine files of events alone, as one data set; what is wrong with them."""
    if args.fix:
        raise UserInputError('--fix needs a config, which tells how the events are read')
    raw = read_raw(args.config, args.format)
    annotations = parse_annotations(raw)
    videos, problems = list(annotations.videos.values()), annotations.problems
    print(raw.file)
    print(annotation_tables(videos, annotations.classes), end='\n\n')
    print(*(f'{count} left out: {what}' for what, count in raw.left_out.items()), sep='\n', end='')
    print_problems(problems, args.max_lines)
    print(counts(problems))
    if args.json:
        found = dict(counts=count_severities(problems), problems=[problem.to_dict() for problem in problems])
        subsets = dict(subsets=file_statistics(videos), classes=list(annotations.classes))
        write_json(args.json, dict(files=args.config, **found, **subsets), indent=1)
        print('written:', args.json)
    return problems


def print_problems(problems: Sequence[Problem], max_lines: int) -> None:
    """A table of their kinds, and some of them."""
    if problems:
        print(problem_table(problems))
        print(*detail_lines(problems, max_lines), sep='\n', end='\n\n')


def counts(problems: Sequence[Problem]) -> str:
    """``error 0, warning 2, info 0``."""
    return ', '.join(f'{severity} {count}' for severity, count in count_severities(problems).items())


def print_cure(diagnosis: Diagnosis, args: argparse.Namespace) -> None:
    """Write what --fix asks for and print how to train on it, or say what it would do."""
    options: list[str] = []
    total: Counter = Counter()
    for index, source in enumerate(diagnosis.sources):
        cleaned, done = clean(source)
        after = [use.dataset.parse(cleaned) for use, _ in source.uses]
        emptied = sorted({name for item in after for name in item.subsets or () if is_empty(name, item)})
        if done and emptied:
            print(f'no fix for {source.ann_file}: nothing would be left of {", ".join(emptied)} ({summary(done)})')
            continue
        total += done
        if args.fix and done:
            path = Path(args.fix).resolve()
            path = path.with_stem(f'{path.stem}_{index}') if len(diagnosis.sources) > 1 else path
            write_cleaned(path, cleaned)
            print(f'written: {path} ({summary(done)})')
            for use, _ in source.uses:
                options += [f'{use.key}.ann_file={path}']
                options += [
                    f'{use.key}.{name}=None' for name in ('csv', 'format') if getattr(use.dataset, name) is not None
                ]
            print_changes(source, cleaned, after[0])
    if options:
        given = [f'{key}={value}'.replace(' ', '') for key, value in (args.cfg_options or {}).items()]
        print(shlex.join(['mmdel', 'train', args.config, '--cfg-options', *given, *options]))
    elif args.fix:
        print(f'nothing to fix, {args.fix} is not written')
    elif total:
        command = [*(['python'] if sys.argv[0].endswith('.py') else []), *sys.argv, '--fix', 'OUT.json']
        print(f'fix it ({summary(total)}): {shlex.join(command)}')
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


def print_changes(source: Source, cleaned: RawEvents, after: Annotations) -> None:
    """Tell if a cleaned file has other classes, or other truth to score by."""
    before = source.uses[0][1].classes
    gone = [name for name in before if name not in after.classes]
    if gone:
        numbers = 'the others keep their numbers' if len(after.classes) == len(before) else 'classes are numbered anew'
        print(f'note: no event is left of {len(gone)} of {len(before)} classes ({some_of(gone)}); {numbers}')
    old, new = to_database(source.raw), to_database(cleaned)
    changed = [name for name in source.read_by('val', 'test') if old[name] != new.get(name)]
    if changed:
        print(f'note: {len(changed)} of the videos that are scored changed: compare no score with those of others')
