"""Read files of events, of any format that docs/formats.md lists, and write them in another.

What the files hold is recognised by their content, and what OUT is to be by its suffix; --from and --to say it where
that is not safe. Several files become one data set. Nothing is overwritten unless --overwrite is given.

Examples:
    mmdel convert thumos14.json events.csv
    mmdel convert lfav_val_audio.csv lfav_val.json --subset val
    mmdel convert annotations/*.TextGrid mine.json --split 0.8/0.1/0.1 --seed 0
    mmdel convert EPIC_100_train.csv verbs.json --options label=verb --subset train
    mmdel convert results.json subtitles/ --to webvtt --min-score 0.3
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdel.events.annotations import parse_annotations
from mmdel.events.events import Events
from mmdel.events.formats import load_formats
from mmdel.events.labels import to_labels
from mmdel.events.problems import KINDS, Problem, raise_first
from mmdel.events.reading import as_table, read_raw, require_format
from mmdel.events.times import check_times
from mmdel.events.writing import choose_format, what_is_lost, write_events
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import to_label


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel convert``."""
    formats = load_formats()
    parser.add_argument('inputs', nargs='+', metavar='IN', help='files of events, or folders of them')
    parser.add_argument('out', metavar='OUT', help='file to write; a folder, for formats of one video a file')
    parser.add_argument('--from', dest='source', choices=sorted(formats), metavar='FORMAT', help='format of IN')
    writable = sorted(name for name, module in formats.items() if module.FORMAT.writes)
    parser.add_argument('--to', choices=writable, metavar='FORMAT', help=f'format of OUT: {", ".join(writable)}')
    parser.add_argument('--options', nargs='+', default=[], metavar='KEY=VALUE', help="options of IN's format")
    parser.add_argument('--encoding', help='how the text of IN is encoded, e.g. latin-1 (default: UTF-8)')
    parser.add_argument('--fps', type=float, help='frames a second of videos of which IN does not tell it')
    parser.add_argument(
        '--times', default='seconds', help='unit of the times: seconds, frames, or how many a second there are'
    )
    parser.add_argument('--subset', help='subset of videos of which IN does not tell it')
    parser.add_argument('--split', metavar='A/B/C', help='put videos into train/val/test anew, in these fractions')
    parser.add_argument('--seed', type=int, default=0, help='of --split (default: %(default)s)')
    parser.add_argument('--group', metavar='COLUMN', help='never split the videos of which this field is the same')
    parser.add_argument('--drop-labels', nargs='+', default=[], metavar='LABEL', help='leave these events out')
    parser.add_argument('--min-score', type=float, help='leave events of a lower score out')
    parser.add_argument('--overwrite', action='store_true', help='replace files that are there')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    options, times = dict(parse_option(text) for text in args.options), parse_times(args.times)
    fractions = None if args.split is None else parse_fractions(args.split)
    if os.path.isfile(args.out) and not args.overwrite:
        raise UserInputError(f'{args.out} exists and is left alone; name another file, or say --overwrite')
    raw = read_raw(args.inputs, args.source, args.encoding, args.fps, args.subset, **options)
    annotations = parse_annotations(raw, drop_labels=args.drop_labels, needs_labels=False, times=times)
    problems = as_table(annotations.problems)
    raise_first(problems)
    left_out = Counter(raw.left_out)
    dropped = set(to_labels(args.drop_labels, '--drop-labels'))
    left_out[f'events of {", ".join(sorted(dropped))} (--drop-labels)'] = sum(to_label(x) in dropped for x in raw.label)
    events = annotations.events
    if args.min_score is not None:
        kept = events.filter(min_score=args.min_score)
        left_out[f'events of a score below {args.min_score:g} (--min-score)'] = len(events) - len(kept)
        events = kept
    if fractions is not None:
        events = events.split(fractions, args.seed, args.group)
    files = write_events(events, args.out, args.to, args.overwrite)
    module = choose_format(events, args.out) if args.to is None else require_format(args.to)
    print_summary(events, left_out, problems, what_is_lost(events, module.FORMAT))
    print(f'written: {files[0]}' + (f' and {len(files) - 1} more' if len(files) > 1 else ''))


def parse_option(text: str) -> tuple[str, Any]:
    """``label=verb`` → the name and the value, a number where it is one."""
    name, sign, value = text.partition('=')
    if not (name and sign):
        raise UserInputError(f'--options takes KEY=VALUE, got {text!r}')
    try:
        return name, float(value) if '.' in value else int(value)
    except ValueError:
        return name, value


def parse_times(text: str) -> Any:
    """What --times says."""
    if text in ('seconds', 'frames'):
        return text
    try:
        ticks_hz = float(text)
        check_times(ticks_hz)
    except ValueError as error:
        message = f'--times is seconds, frames, or how many a second there are, got {text!r}'
        raise UserInputError(message) from error
    return ticks_hz


def parse_fractions(text: str) -> list[float]:
    """``0.8/0.1/0.1`` → three numbers."""
    try:
        return [float(part) for part in text.split('/')]
    except ValueError as error:
        raise UserInputError(f'--split takes two or three fractions, such as 0.8/0.1/0.1, got {text!r}') from error


def print_summary(events: Events, left_out: Counter, problems: Sequence[Problem], lost: Sequence[str]) -> None:
    """What is written, and what was mended, left out and lost on the way."""
    subsets = Counter(video.subset for video in events.videos if video.subset)
    hours = sum(video.duration_sec or 0.0 for video in events.videos) / 3600
    unknown = sum(video.duration_sec is None for video in events.videos)
    of = f' ({", ".join(f"{count} {name}" for name, count in subsets.items())})' if subsets else ''
    num_labels = len(np.unique(events.label_index[events.label_index >= 0]))
    times = [f'{hours:.2f} h'] * (hours > 0) + [f'{unknown} videos of unknown duration'] * (unknown > 0)
    print(', '.join([f'{len(events.videos)} videos{of}', f'{len(events)} events of {num_labels} classes', *times]))
    for what, count in (+left_out).items():
        print(f'left out: {count} {what}')
    for kind, count in Counter(problem.kind for problem in problems).items():
        first = next(problem for problem in problems if problem.kind == kind)
        fate = 'left out' if kind == 'reversed-event' else 'kept as it is'
        print(f'{kind}, {count} times ({fate}): {KINDS[kind].meaning.partition(":")[0]}')
        print(f'    e.g. {first.line().partition(", ")[2]}')
    if lost:
        print(f'lost: {", ".join(lost)}, which this format does not hold')
