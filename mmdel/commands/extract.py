"""Extract features of pictures and sound from media files, for training and for detection.

A folder is searched for media files. For each file and stream there is then DIR/<id>_<stream>.npy; DIR/streams.json
says how they were made, so that no config needs to state it; DIR/videos.json tells durations. Called again, it does
what is new or has changed. docs/features.md lists the extractors. The exit status is 1 if files have failed.

Examples:
    mmdel extract videos/ --out features/mine
    mmdel extract videos/*.mp4 --out features/mine --visual efficientnet --audio speech log_mel
    mmdel extract videos/ --out features/mine --config my_streams.py
    mmdel extract new_videos/ --out features/new --config features/mine/streams.json
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from terminaltables import AsciiTable

from mmdel.features.extract_files import FeatureFolder
from mmdel.features.presets import PICTURE_PRESETS, PRESETS, SOUND_PRESETS
from mmdel.media import find_media
from mmdel.utils.cores import num_cores
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json
from mmdel.utils.names import visible
from mmdel.utils.progress import media_progress
from mmdel.utils.read_config import read_config

BY_STREAM = {'visual': PICTURE_PRESETS, 'audio': SOUND_PRESETS}
DEFAULTS = {'visual': ['frames'], 'audio': ['log_mel']}
MAX_ROWS = 50  # of a table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel extract``."""
    parser.add_argument('videos', nargs='+', metavar='VIDEO', help='media files, folders, or patterns of files')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder for the features')
    for stream, presets in BY_STREAM.items():
        parser.add_argument(
            f'--{stream}',
            nargs='+',
            choices=[*presets],
            metavar='PRESET',
            help=f'extractors of the stream {stream!r}, put side by side: {", ".join(presets)} (without any stream: '
            f'{DEFAULTS[stream][0]})',
        )
    parser.add_argument('--config', metavar='FILE', help='config (.py) or JSON with the extractors of each stream')
    parser.add_argument('--workers', type=int, default=num_cores(), help='processes (default: %(default)s)')
    parser.add_argument('--device', default='cpu', help='where learned extractors run (default: %(default)s)')
    parser.add_argument('--overwrite', action='store_true', help='do again what is done')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    if args.workers < 1:
        raise UserInputError('--workers must be at least 1')
    folder = FeatureFolder(args.out, chosen_streams(args), find_media(args.videos), args.device, args.overwrite)
    if folder.num_done:
        print(f'{folder.num_done} files are done already')
    if not folder.todo:
        return
    failed: list[tuple[str, str]] = []
    noted: list[tuple[str, str]] = []
    started, total_sec = time.perf_counter(), 0.0
    with media_progress(len(folder.todo), 'extracting') as advance:
        for step in folder.run(args.workers):
            advance(step.done, step.media_sec)
            total_sec += step.media_sec
            failed += [(visible(str(step.path)), step.error)] if step.error else []
            noted += [(visible(str(step.path)), note) for note in step.notes]
    seconds = time.perf_counter() - started
    print_table('noted', noted)
    print_table('failed', failed)
    print(
        f'{len(folder.todo) - len(failed)} files done, {len(failed)} failed: {total_sec / 60:.1f} min of media in '
        f'{seconds:.1f} s, {total_sec / max(seconds, 1e-9):.1f} times real time; written to {args.out}'
    )
    sys.exit(1 if failed else 0)


def chosen_streams(args: argparse.Namespace) -> dict[str, Any]:
    """The extractors of each stream that the command line asks for."""
    chosen = {stream: getattr(args, stream) for stream in DEFAULTS if getattr(args, stream)}
    if args.config is None:
        return {stream: [PRESETS[name] for name in names] for stream, names in (chosen or DEFAULTS).items()}
    if chosen:
        raise UserInputError(f'give --config, or {" and ".join(f"--{stream}" for stream in chosen)}')
    return read_streams(args.config)


def read_streams(path: str) -> dict[str, Any]:
    """The extractors of each stream that a file names: a config's ``streams``, or JSON, as ``streams.json``."""
    is_python = path.endswith('.py')
    content = read_config(path).to_dict() if is_python else read_json(path, 'file of streams')
    streams = content.get('streams') if is_python else content
    if not (isinstance(streams, dict) and streams):
        where = f'{path}, streams' if is_python else path
        raise UserInputError(f'{where}: expected the extractors of each stream by its name, got {streams!r}')
    return {
        name: stream['extractors'] if isinstance(stream, dict) and 'extractors' in stream else stream
        for name, stream in streams.items()
    }


def print_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Files and what is to be said of them, if there are any."""
    if rows:
        more = [('…', f'and {len(rows) - MAX_ROWS} more')] if len(rows) > MAX_ROWS else []
        print(AsciiTable([('file', title), *rows[:MAX_ROWS], *more]).table)
