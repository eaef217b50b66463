"""Write a video again with its events drawn in: those that run, with their scores, and a timeline.

EVENTS is a file of any format that mmdel reads; what it says of VIDEO is found by the name of the video's file. With
--truth, annotations stand beside the predictions. The sound is kept, as one channel.

Examples:
    mmdel overlay talk.mp4 events.json --out talk_events.mp4
    mmdel overlay val_00.mp4 found.csv --truth annotations.csv --out val_00_events.mp4 --score-thr 0.3
"""

from __future__ import annotations

import argparse
import time

from mmdel.events import read_events
from mmdel.media import probe
from mmdel.utils.errors import UserInputError
from mmdel.utils.progress import media_progress
from mmdel.visualization.overlay import events_of_video, write_overlay


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel overlay``."""
    parser.add_argument('video', metavar='VIDEO', help='the video')
    parser.add_argument('events', metavar='EVENTS', help='file of predictions, or of annotations; of any format')
    parser.add_argument('--out', required=True, metavar='OUT.mp4', help='file to write')
    parser.add_argument('--truth', metavar='FILE', help='annotations, drawn beside the predictions')
    parser.add_argument(
        '--score-thr', type=float, default=0.1, metavar='X', help='leave lower scores out (default: %(default)s)'
    )
    parser.add_argument('--video-id', metavar='ID', help='what EVENTS call the video (default: the name of its file)')
    parser.add_argument('--overwrite', action='store_true', help='replace OUT.mp4 if it is there')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    if not args.out.lower().endswith('.mp4'):
        raise UserInputError(f'--out names the .mp4 file to write, got {args.out}')
    events = events_of_video(read_events(args.events), args.video, args.video_id, args.events)
    truth = None
    if args.truth is not None:
        truth = events_of_video(read_events(args.truth), args.video, args.video_id or events.video_ids[0], args.truth)
    started = time.perf_counter()
    with media_progress(1, 'drawing') as advance:
        notes = write_overlay(args.video, events, args.out, truth, args.score_thr, args.overwrite, advance)
    for note in notes:
        print(f'{args.video}: {note}')
    duration_sec, taken_sec = probe(args.out).duration_sec or 0.0, time.perf_counter() - started
    rate = duration_sec / taken_sec
    print(f'written: {args.out} ({duration_sec:.1f} s in {taken_sec:.1f} s, {rate:.1f} times real time)')
