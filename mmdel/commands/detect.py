"""Find the events of videos, sound files or features with a trained model.

IN is a media file, a folder of them, a pattern, or a folder that mmdel extract has written. The model is a bundle, as
mmdel export writes it, and runs no code of its own; where PyTorch is not installed, one that mmdel export --onnx has
written. OUT gets events.json, a file for each format and a record of each video: whoever is interrupted, or has more
videos, calls the same again, and finished ones are skipped. An OUT with a suffix is one file: events.csv.

Examples:
    mmdel detect video.mp4
    mmdel detect videos/ --model mine_model --out found --format csv webvtt --report
    mmdel detect 'day_*/*.wav' --model mine_model --score-thr 0.4 --classes bark "car horn" --out barks.csv
    mmdel detect videos/ --model mine_model --out found --shard 3/8     # the third of eight machines
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from mmdel.events.formats import load_formats
from mmdel.inference.detected_files import DetectedFiles
from mmdel.inference.detection import Detection, Inferencer
from mmdel.inference.inputs import list_inputs
from mmdel.inference.journal import Journal
from mmdel.inference.onnx_inferencer import OnnxInferencer
from mmdel.runtime.reading import Input
from mmdel.utils.cores import num_cores
from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import add_amp_option
from mmdel.utils.progress import media_progress

DEFAULT_OUT = 'detected'
MAX_ROWS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel detect``."""
    formats = sorted(name for name, module in load_formats().items() if module.FORMAT.writes)
    parser.add_argument('inputs', nargs='+', metavar='IN', help='media files, folders, patterns, folders of features')
    parser.add_argument('--model', default='demo', metavar='BUNDLE', help='folder of the model (default: the demo)')
    parser.add_argument('--out', default=DEFAULT_OUT, help='folder to write to, or one file (default: %(default)s)')
    parser.add_argument(
        '--format',
        nargs='+',
        default=None,
        choices=['json', *formats],
        metavar='FORMAT',
        help=f'json (the default) and any of {", ".join(formats)}',
    )
    parser.add_argument('--report', nargs='?', const='', metavar='FILE', help='write a page to look at (report.html)')
    parser.add_argument('--score-thr', type=float, help="leave events of a lower score out (default: the model's own)")
    parser.add_argument('--classes', nargs='+', metavar='CLASS', help='leave events of other classes out')
    parser.add_argument('--device', help='cpu, cuda, cuda:1 … (default: a GPU if there is one)')
    parser.add_argument('--batch-size', type=int, default=4, help='short videos at once (default: %(default)s)')
    parser.add_argument('--workers', type=int, help='threads that read videos (default: one for each core, up to 4)')
    add_amp_option(parser, 'bf16 where the device has units for it, else off')
    parser.add_argument('--compile', action='store_true', help='compile the model first, by torch.compile')
    parser.add_argument('--shard', metavar='I/N', help='every N-th video only, from the I-th on')
    parser.add_argument('--overwrite', action='store_true', help='find again what is there, and replace files')
    trusted = parser.add_argument_group('a config in the place of a bundle; it is a program, and its code is run')
    trusted.add_argument('--config', metavar='FILE', help='config that you trust')
    trusted.add_argument('--checkpoint', metavar='FILE', help='checkpoint of --config')


def main(args: argparse.Namespace) -> None:
    """Run it; the exit status is 1 if some video could not be read."""
    begun = time.perf_counter()
    if (args.config is None) != (args.checkpoint is None):
        raise UserInputError('--config and --checkpoint belong together')
    items = choose_shard(list(list_inputs(args.inputs)), args.shard)
    inferencer = make_inferencer(args)
    journal = Journal.of(args.out, inferencer)
    files = DetectedFiles(args.out, args.format or [], args.report, args.overwrite, len(items), journal.exists)
    left = items if files.is_one or args.overwrite else [item for item in items if not journal.finished(item)]
    done: list[Detection] = []
    try:
        for item, detection in find_events(inferencer, left):
            done.append(detection)
            if not files.is_one:
                journal.write(item, detection)
                files.write_video(detection)
    finally:  # also after Ctrl-C
        found = done if files.is_one else journal.read()
        written = files.write_all(found, inferencer) if found else []
    print_table(done, len(items) - len(left), time.perf_counter() - begun, inferencer.number_format)
    print('written: ' + ', '.join(map(str, written)))
    if any(detection.error for detection in done):
        sys.exit(1)


def make_inferencer(args: argparse.Namespace) -> Inferencer:
    """What the command line asks for; by onnxruntime where torch is not installed."""
    num_workers = args.workers or min(num_cores(), 4)
    if find_spec('torch') is None:
        if args.config is not None:
            raise UserInputError('--config is run by PyTorch, which is not installed: name a bundle that has a graph')
        if args.amp not in (None, 'off'):
            raise UserInputError('--amp is for PyTorch, which is not installed: a graph has a number format of its own')
        if args.compile:
            raise UserInputError('--compile is for PyTorch, which is not installed: a graph is compiled by onnxruntime')
        return OnnxInferencer(args.model, args.device, args.score_thr, args.classes, num_workers)
    from mmdel.inference.event_inferencer import EventInferencer
    from mmdel.utils.compilation import compile_model

    inferencer = EventInferencer(
        args.config or args.model,
        args.checkpoint,
        args.device,
        args.batch_size,
        args.score_thr,
        args.classes,
        num_workers,
        args.amp,
    )
    if args.compile:
        compile_model(inferencer.model)
    return inferencer


def find_events(inferencer: Inferencer, items: Sequence[Input]) -> Iterator[tuple[Input, Detection]]:
    """The videos with what is found in them, and a bar meanwhile."""
    with media_progress(len(items), 'finding events') as advance:
        yield from zip(items, inferencer(list(items), advance), strict=True)


def choose_shard(items: list[Input], shard: str | None) -> list[Input]:
    """The videos of one shard of several."""
    if shard is None:
        return items
    parts = re.fullmatch(r'(\d+)/(\d+)', shard)
    if not parts or not 1 <= int(parts[1]) <= int(parts[2]):
        raise UserInputError(f'--shard is I/N with I from 1 to N, as 3/8, got {shard!r}')
    return items[int(parts[1]) - 1 :: int(parts[2])]


def print_table(done: Sequence[Detection], num_skipped: int, seconds: float, number_format: str) -> None:
    """A row a video, the failed ones last, and what it was together."""
    fine, failed = ([x for x in done if (x.error is None) is kept] for kept in (True, False))
    rows = [('video', 'duration', 'events', 'seconds', 'x real time')]
    for detection in fine[:MAX_ROWS]:
        length = detection.duration_sec or 0.0
        speed = f'{length / detection.seconds:.1f}' if detection.seconds else ''
        rows.append((detection.video_id, clock(length), str(len(detection.events)), f'{detection.seconds:.1f}', speed))
    width = max(len(row[0]) for row in rows)
    for row in rows if fine else ():
        print(f'{row[0]:<{width}}  ' + '  '.join(f'{cell:>11}' for cell in row[1:]))
    if len(fine) > MAX_ROWS:
        print(f'… and {len(fine) - MAX_ROWS} more')
    for detection in fine:
        for note in detection.notes[:3]:
            print(f'note: {detection.path}: {note}')
    for detection in failed:
        print(f'failed: {detection.path}: {detection.error}')
    if num_skipped:
        print(f'{num_skipped} videos were finished before')
    length = sum(detection.duration_sec or 0.0 for detection in fine)
    num_events = sum(len(detection.events) for detection in fine)
    speed = f', {length / seconds:.1f} x real time in {number_format}' if length else ''
    print(
        f'{len(fine)} videos of {clock(length)} in {seconds:.1f} s{speed}: {num_events} events'
        + (f'; {len(failed)} failed' if failed else '')
    )


def clock(seconds: float) -> str:
    """``1:02:03`` or ``2:03.4``."""
    minutes, rest = divmod(round(seconds, 1), 60)
    if minutes < 60:
        return f'{minutes:.0f}:{rest:04.1f}'
    return f'{minutes // 60:.0f}:{minutes % 60:02.0f}:{rest:02.0f}'
