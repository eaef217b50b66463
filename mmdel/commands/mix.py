"""Make more training videos: copies whose sound has events of other videos mixed in.

For what is known by its sound alone, such as a door or a bell: the same sounds then stand in other surroundings, which
is worth much where there are a few dozen videos. Each copy keeps its pictures, gets a few sounds more at random places,
rare labels as often as frequent
ones, a little faster or slower, louder or softer than they were. Never name labels that must be seen, too.

OUT/annotations.json holds the annotations of all videos, OUT/videos/<id>_mix<n>.mkv the copies.

Examples:
    mmdel mix videos/ --annotations events.csv --labels 'sound-*' --out mixed
    mmdel mix videos/ --annotations events.csv --labels siren 'dog*' --copies 3 --out mixed
    mmdel extract videos/ mixed/videos --out features/mine
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from mmdel.events import Events, read_events
from mmdel.events.problems import some_of
from mmdel.events.writing import write_events
from mmdel.media import MediaReader, SoundRate, find_media, media_ids, probe
from mmdel.media.remixing import replace_sound
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import canonical_subset
from mmdel.utils.progress import media_progress

MAX_HZ = 48000
MAX_CLIPS = 100  # of a label, so that memory stays bounded
BEFORE_SEC, AFTER_SEC, FADE_SEC = 0.08, 0.25, 0.05  # around an event: its onset and decay are not cut
CLIP_SPREAD_DB, COPY_SPREAD_DB = 4.0, 2.0
SPEEDS = 17, 18, 19, 20, 21, 22, 23  # twentieths: a clip is played up to 15 % slower or faster


@dataclass(frozen=True)
class Clip:
    """The sound of an event.

    Attributes:
        label: Of the event.
        start_sec: Where in the clip the event starts.
        end_sec: Where it ends.
        samples: (n,), fading in and out.
    """

    label: str
    start_sec: float
    end_sec: float
    samples: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel mix``."""
    parser.add_argument('videos', nargs='+', metavar='VIDEO', help='media files, folders, or patterns of files')
    parser.add_argument('--annotations', required=True, metavar='FILE', help='events of the videos, in any format')
    parser.add_argument(
        '--labels', required=True, nargs='+', metavar='LABEL', help='events known by sound alone; * stands for any text'
    )
    parser.add_argument('--out', required=True, metavar='OUT', help='new folder for the copies')
    parser.add_argument('--copies', type=int, default=2, help='of each video (default: %(default)s)')
    parser.add_argument('--events', type=float, default=4, help='sounds mixed into a copy, their mean (default: 4)')
    parser.add_argument('--subset', default='train', help='subset of the videos to copy (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of all that is random (default: %(default)s)')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    if args.copies < 1 or not args.events > 0 or args.seed < 0:
        raise UserInputError('--copies and --events must be positive, --seed not negative')
    out = Path(args.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserInputError(f'--out {out} exists and is left alone; name a new folder')
    events = read_events(args.annotations)
    paths = {video_id: path for path, video_id in media_ids(find_media(args.videos)).items()}
    chosen = {
        video.video_id for video in events.videos if canonical_subset(video.subset) == canonical_subset(args.subset)
    }
    if not chosen & paths.keys():
        raise UserInputError(
            f'{args.annotations}: none of its {len(chosen)} videos of the subset {args.subset!r} is among the '
            f'{len(paths)} media files: they are called {some_of(sorted(paths))}'
        )
    sources = [video_id for video_id in events.video_ids if video_id in chosen & paths.keys()]
    infos = {video_id: probe(paths[video_id]) for video_id in sources}
    hz = min(MAX_HZ, max((info.sound.hz for info in infos.values() if info.sound), default=0))
    if not hz:
        raise UserInputError('none of the media files has sound')
    rng = np.random.default_rng(args.seed)
    with media_progress(len(sources) * (1 + args.copies), 'mixing') as advance:
        clips = read_clips(events.select(sources), args.labels, paths, hz, rng, lambda sec: advance(1, sec))
        copies: list[Events] = []
        for number in range(1, args.copies + 1):
            for video_id in sources:
                own = events.select([video_id])
                reader = MediaReader(paths[video_id], {'sound': SoundRate(hz)})
                length_sec = own.videos[0].duration_sec or reader.info.duration_sec or 0.0
                placed = place_clips(clips, length_sec, args.events, rng)
                gain = 10 ** (rng.normal(0, COPY_SPREAD_DB) / 20)
                name = f'{video_id}_mix{number}'
                sound = mixed(reader, placed, length_sec, hz, gain)
                replace_sound(paths[video_id], sound, hz, out / 'videos' / f'{name}.mkv')
                copies.append(copy_of(own, name, placed))
                advance(1, length_sec)
    everything = events.merge(*copies)
    write_events(everything, out / 'annotations.json')
    num_mixed = sum(map(len, copies)) - args.copies * len(events.select(sources))
    print(f'{len(copies)} copies of {len(sources)} videos, with {num_mixed} sounds mixed in')
    print(f'written: {out / "annotations.json"}, {out / "videos"}')


def read_clips(
    events: Events,
    patterns: Sequence[str],
    paths: Mapping[str, Path],
    hz: int,
    rng: np.random.Generator,
    tell: Callable[[float], None],
) -> list[Clip]:
    """The sounds of the events of these labels.

    Raises:
        UserInputError: If a pattern fits no label, or no clip is found.
    """
    for pattern in patterns:
        if not any(fnmatchcase(label, pattern) for label in events.labels):
            raise UserInputError(
                f'--labels: no event is called {pattern!r}; there are {some_of(sorted(events.labels))}'
            )
    wanted = events.filter(labels=[x for x in events.labels if any(fnmatchcase(x, pattern) for pattern in patterns)])
    kept: list[int] = []
    for label in range(len(wanted.labels)):
        rows = np.flatnonzero(wanted.label_index == label)
        kept += rng.permutation(rows)[:MAX_CLIPS].tolist()
    wanted = wanted[sorted(kept)]
    clips: list[Clip] = []
    for video, rows in zip(wanted.videos, wanted.groups(), strict=True):
        reader = MediaReader(paths[video.video_id], {'sound': SoundRate(hz)})
        if len(rows) and reader.info.sound is not None:
            clips += _clips_of(wanted[rows], reader, hz)
        tell(reader.info.duration_sec or 0.0)
    if not clips:
        raise UserInputError(f'--labels {" ".join(patterns)}: no such event lies in a video that has sound')
    return clips


def _clips_of(events: Events, reader: MediaReader, hz: int) -> list[Clip]:
    sound = np.concatenate([block['sound'] for block in reader])
    clips = []
    for event in events:
        first, last = max(0, round((event.start_sec - BEFORE_SEC) * hz)), round((event.end_sec + AFTER_SEC) * hz)
        samples = sound[first:last]
        if len(samples) > 1:
            ends = np.minimum(np.arange(len(samples)), np.arange(len(samples))[::-1])
            fading = samples * np.minimum(1, ends / (FADE_SEC * hz)).astype(np.float32)
            clips.append(Clip(event.label, event.start_sec - first / hz, event.end_sec - first / hz, fading))
    return clips


def place_clips(
    clips: list[Clip], length_sec: float, mean: float, rng: np.random.Generator
) -> list[tuple[float, Clip]]:
    """Clips and when they start: each label as likely as another, anywhere in a video, at their own level and speed."""
    labels = [clip.label for clip in clips]
    likelihood = np.array([1 / labels.count(label) for label in labels])
    placed = []
    for index in rng.choice(len(clips), rng.poisson(mean), p=likelihood / likelihood.sum()):
        clip = changed(clips[index], int(rng.choice(SPEEDS)), 10 ** (rng.normal(0, CLIP_SPREAD_DB) / 20))
        if clip.end_sec < length_sec:
            placed.append((rng.uniform(0, length_sec - clip.end_sec), clip))
    return placed


def changed(clip: Clip, speed: int, gain: float) -> Clip:
    """A clip at a speed, in twentieths of its own, and thereby at another pitch and length; louder by a factor."""
    samples = resample_poly(clip.samples, 20, speed).astype(np.float32) * np.float32(gain)
    return Clip(clip.label, clip.start_sec * 20 / speed, clip.end_sec * 20 / speed, samples)


def mixed(
    reader: MediaReader, placed: list[tuple[float, Clip]], length_sec: float, hz: int, gain: float
) -> Iterator[np.ndarray]:
    """The sound of a file with clips in it, block by block; of a file without sound, the clips alone."""
    done = 0
    blocks = (block['sound'] for block in reader) if reader.info.sound else [np.zeros(math.ceil(length_sec * hz))]
    for block in blocks:
        sound = block.astype(np.float32)
        for start_sec, clip in placed:
            offset = round(start_sec * hz) - done
            first, last = max(0, offset), min(len(sound), offset + len(clip.samples))
            if first < last:
                sound[first:last] += clip.samples[first - offset : last - offset]
        done += len(block)
        yield np.clip(sound * np.float32(gain), -1, 1)


def copy_of(own: Events, name: str, placed: list[tuple[float, Clip]]) -> Events:
    """The events of one video and of what was mixed in, under another name."""
    video = replace(own.videos[0], video_id=name)
    rows = [(name, start + clip.start_sec, start + clip.end_sec, clip.label) for start, clip in placed]
    return replace(own, videos=(video,)).merge(Events.from_rows(rows))
