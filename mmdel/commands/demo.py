"""Render a clip with sound, find its events with a trained model, and write a page to look at both.

The clip is a scene of moving shapes and synthesised sounds, as the model has learned them. An event is a shape with the
sound that belongs to it; there are shapes without sound and sounds without shape besides, which are none.

Examples:
    mmdel demo
    mmdel demo --seed 7 --out another
    mmdel demo --model work_dirs/del_demo/bundle    # after `mmdel train del_demo` and `mmdel export`
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from mmdel.datasets.synthetic_media import render_clip
from mmdel.events import Event, Events, write_events
from mmdel.inference import EventInferencer
from mmdel.utils.errors import UserInputError
from mmdel.utils.segments import segment_iou
from mmdel.visualization.report import write_report

MIN_TIOU = 0.5  # of what counts as found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel demo``."""
    parser.add_argument('--out', default='mmdel_demo', metavar='DIR', help='folder to write to (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='another clip for another number (default: %(default)s)')
    parser.add_argument('--model', default='demo', metavar='BUNDLE', help='model to use (default: the one in mmdel)')
    parser.add_argument('--overwrite', action='store_true', help='replace files that are there')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    names = {name: Path(args.out, name) for name in ('clip.mp4', 'truth.json', 'events.json', 'report.html')}
    clip, truth_file, events_file, report = names.values()
    if args.seed < 0:
        raise UserInputError(f'--seed must not be negative, got {args.seed}')
    there = [path for path in names.values() if os.path.lexists(path)]
    if there and not args.overwrite:
        raise UserInputError(f'{there[0]} exists and is left alone; name another --out, or say --overwrite')
    detect = EventInferencer(args.model)
    print('rendering a clip …')
    truth = render_clip(clip, args.seed)
    begun = time.perf_counter()
    (found,) = detect(str(clip))
    if found.error is not None:
        raise UserInputError(f'{clip}: {found.error}')
    write_events(truth, truth_file, overwrite=True)
    write_events(found.events, events_file, overwrite=True)
    write_report(
        report,
        found.events,
        truth,
        {found.video_id: clip},
        title=f'Demo, seed {args.seed}',
        overwrite=True,
        provenance=dict(detect.bundle.provenance, number_format=detect.number_format),
    )
    print_found(truth, found.events)
    print(f'in {truth.durations_sec[0]:.0f} s of picture and sound, within {time.perf_counter() - begun:.1f} s\n')
    print(f'the clip       {clip}\nits events     {events_file}\nthe true ones  {truth_file}')
    print(f'the report     {report}    (open it in a browser)')


def print_found(truth: Events, found: Events) -> None:
    """Each true event with the prediction of its class that overlaps it most."""
    num_found = 0
    for event in truth:
        same = [other for other in found if other.label == event.label]
        overlaps = [(float(segment_iou(times(event), times(other))), other) for other in same]
        overlap, best = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
        is_found = best is not None and overlap >= MIN_TIOU
        num_found += is_found
        how = f'found at {clock(best)}, score {best.score:.2f}' if best is not None and is_found else 'missed'
        print(f'  {clock(event)}  {event.label:<20}  {how}')
    print(f'{num_found} of {len(truth)} events are found (tIoU of {MIN_TIOU} or more)')


def times(event: Event) -> np.ndarray:
    """Start and end of an event (2,), seconds."""
    return np.array([event.start_sec, event.end_sec])


def clock(event: Event) -> str:
    """The time of an event, such as `` 5.9 – 18.6 s``."""
    return f'{event.start_sec:4.1f} – {event.end_sec:4.1f} s'
