"""Write a report of predictions: one HTML file with all videos, their events on a timeline, and a player.

It needs no network and no server: open it in any browser. With the truth it tells hits, misses and false alarms apart.
The media stay where they are; the report finds them by their paths relative to its own folder.

Examples:
    mmdel report events.json --out report.html
    mmdel report events.json --truth annotations.csv --media videos/ --out report.html
    mmdel report annotations.csv --media videos/ --out annotated.html
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmdel.events import Events, read_events
from mmdel.media import find_media, media_ids
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import cut_suffix, file_name, visible
from mmdel.visualization.report import write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel report``."""
    parser.add_argument('events', metavar='EVENTS', help='file of predictions, or of annotations alone; of any format')
    parser.add_argument('--truth', metavar='FILE', help='annotations, by which hits, misses and false alarms are told')
    parser.add_argument(
        '--media', nargs='+', default=[], metavar='FILE', help='media files or folders; the name of each is its video'
    )
    parser.add_argument('--out', required=True, metavar='OUT.html', help='file to write')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.1,
        metavar='X',
        help='show scores from X on at first (default: %(default)s)',
    )
    parser.add_argument(
        '--tiou', type=float, default=0.5, metavar='X', help='a hit overlaps by X at first (default: %(default)s)'
    )
    parser.add_argument('--title', default='', help="title of the page (default: the name of the report's file)")
    parser.add_argument('--overwrite', action='store_true', help='replace a report that is there')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    events = read_events(args.events)
    truth = None if args.truth is None else choose_truth(args.truth, events)
    media = match_media(args.media, (*events.video_ids, *(truth.video_ids if truth else ())))
    path = write_report(args.out, events, truth, media, args.title, args.score_thr, args.tiou, overwrite=args.overwrite)
    print(f'written: {path} ({path.stat().st_size / 1e6:.1f} MB)')


def choose_truth(path: str, events: Events) -> Events:
    """The annotated videos of the subsets that the predictions are about; all, where the annotations have no subsets.

    Raises:
        UserInputError: If no prediction is of an annotated video.
    """
    truth = read_events(path)
    predicted = {events.video_ids[place] for place in np.unique(events.video_index)} or set(events.video_ids)
    subsets = {video.subset for video in truth.videos if video.video_id in predicted}
    if not subsets:
        found, expected = (', '.join(map(visible, names[:3])) for names in (events.video_ids, truth.video_ids))
        raise UserInputError(f'no video of the predictions (e.g. {found}) is in {path} (e.g. {expected})')
    return truth.select({video.video_id for video in truth.videos if video.subset in subsets})


def match_media(inputs: Sequence[str], video_ids: Sequence[str]) -> dict[str, Path]:
    """The media file of each video, by its name.

    Raises:
        UserInputError: If an input names nothing, or none of the files is of one of the videos.
    """
    if not inputs:
        return {}
    video_of = {file_name(cut_suffix(video_id)): video_id for video_id in video_ids}
    names = media_ids(find_media(inputs))
    media = {video_of[name]: path for path, name in names.items() if name in video_of}
    if not media:
        found, expected = (', '.join(map(visible, list(some)[:3])) for some in (names.values(), video_ids))
        raise UserInputError(f'no media file (e.g. {found}) is named as a video (e.g. {expected})')
    return media
