"""Class scores of whole videos from a detector's result file: of each class, the score of its best event.

With them, proposals become detections (``video_score_topk`` of BMN, TCANet and class-agnostic heads) where there is no
classifier of whole videos.

Example:
    python tools/test.py configs/del_demo.py del.pth --out events.json
    python tools/data/video_scores.py configs/del_demo.py events.json video_scores.json
"""

from __future__ import annotations

import argparse

import numpy as np

import mmdel  # noqa: F401  the repairs of mmdel.compat
from mmdel.datasets.from_config import find_truth
from mmdel.evaluation.result_file import parse_predictions, read_results
from mmdel.utils.files import write_json
from mmdel.utils.read_config import read_config
from mmdel.utils.run_command import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config whose test data set says what the classes are')
    parser.add_argument('results', help='result file of tools/test.py --out')
    parser.add_argument('out', help='JSON file to write, for mmdel.LoadVideoScores')
    args = parser.parse_args()
    cfg = read_config(args.config)
    results = read_results(args.results)
    dataset = find_truth(cfg)
    dataset.full_init()
    classes = dataset.metainfo['classes']

    events, problems = parse_predictions(results, list(results.videos), classes)
    for line in problems.lines():
        print(f'warning: {line}')
    scores = np.zeros((len(results.videos), len(classes)))
    np.maximum.at(scores, (events.videos.astype(int), events.labels.astype(int)), events.scores.clip(0, 1))
    by_video = dict(zip(results.videos, scores.round(6).tolist(), strict=True))
    write_json(args.out, dict(classes=list(classes), scores=by_video))
    print(f'Scores of {len(results.videos)} videos and {len(classes)} classes written to {args.out}')


if __name__ == '__main__':
    run_command(main)
