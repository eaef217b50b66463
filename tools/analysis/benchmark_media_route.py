"""What codecs cost: the mAP of a bundle of the demo on clips of unseen seeds, as .mp4 files and by features alone.

The features of the second route are those of the pictures and sound as they were rendered, without a file between.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmdel.datasets.synthetic import CLASS_NAMES
from mmdel.datasets.synthetic_media import render_clip, render_scene
from mmdel.evaluation.functional import GroundTruth, Predictions, average_precision, mean_over_classes
from mmdel.events import Events
from mmdel.features import FeatureStream, build_streams
from mmdel.inference import EventInferencer
from mmdel.utils.progress import show_progress
from mmdel.utils.run_command import run_command

TIOUS = (0.3, 0.5, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('bundle', nargs='?', default='demo', help='of the demo (default: the one in mmdel)')
    parser.add_argument('--num-clips', type=int, default=48, help='default: %(default)s')
    parser.add_argument('--first-seed', type=int, default=1000, help='default: %(default)s')
    args = parser.parse_args()
    detect = EventInferencer(args.bundle, score_thr=0.0)
    streams = build_streams(detect.bundle.extractors)
    truth, found = Events(), {'media': Events(scores=[]), 'features': Events(scores=[])}  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(args.first_seed, args.first_seed + args.num_clips)
        for seed in show_progress(seeds, len(seeds), 'clips'):
            path = Path(folder, f'clip_{seed}.mp4')
            truth = truth.merge(render_clip(path, seed))
            for route, given in (('media', [str(path)]), ('features', [features_of(seed, path.stem, streams)])):
                (detection,) = detect(given)
                found[route] = found[route].merge(detection.events)
            path.unlink()
    print(f'{len(truth.videos)} clips, {len(truth)} events; mAP [%] at {", ".join(map(str, TIOUS))}, and their mean')
    for route, events in found.items():
        values = score(truth, events)
        print(f'{route:<9}' + ''.join(f'{value:7.2f}' for value in [*values, values.mean()]))


def features_of(seed: int, video_id: str, streams: dict[str, FeatureStream]) -> dict:
    """The features of a clip without its file, as the inferencer takes them."""
    scene, frames, waveform = render_scene(seed)
    features = {
        name: stream.whole({rate: frames if hasattr(rate, 'fps') else waveform for rate in stream.rates})
        for name, stream in streams.items()
    }
    return dict(features, video_id=video_id, duration_sec=scene.duration_sec)


def score(truth: Events, found: Events) -> np.ndarray:
    """The mAP in percent at each threshold."""
    true = GroundTruth(*columns(truth, truth.video_ids))
    predicted = Predictions(*columns(found, truth.video_ids), np.asarray(found.scores))
    return 100 * mean_over_classes(average_precision(true, predicted, TIOUS, len(CLASS_NAMES)))


def columns(events: Events, video_ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers of videos (N,) and of classes (N,), and the segments (N, 2)."""
    videos = np.array([video_ids.index(name) for name in events.video_ids], dtype=np.int64)[events.video_index]
    labels = np.array([CLASS_NAMES.index(name) for name in events.labels], dtype=np.int64)[events.label_index]
    return videos, labels, np.stack([events.start_sec, events.end_sec], axis=1)


if __name__ == '__main__':
    run_command(main)
