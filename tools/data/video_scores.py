"""Class scores of whole videos from a detector's result file: of each class, the score of its best event.

With them, proposals become detections (``video_score_topk`` of BMN, TCANet and class-agnostic heads) where there is no
classifier of whole videos.

Example:
    python tools/test.py configs/del_demo.py del.pth --out events.json
    python tools/data/video_scores.py configs/del_demo.py events.json video_scores.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

import mmdel  # noqa: F401  the repairs of mmdel.compat
from mmdel.evaluation.result_file import load_results, parse_predictions
from mmdel.utils.command_line import run_command
from mmdel.utils.errors import UserInputError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config whose test data set says what the classes are')
    parser.add_argument('results', help='result file of tools/test.py --out')
    parser.add_argument('out', help='JSON file to write, for mmdel.LoadVideoScores')
    args = parser.parse_args()
    if not Path(args.config).is_file():
        raise UserInputError(f'there is no config file {args.config}')
    results = load_results(args.results)
    cfg = Config.fromfile(args.config)
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    classes = DATASETS.build({**cfg.test_dataloader.dataset, 'pipeline': []}).metainfo['classes']

    events, problems = parse_predictions(results, args.results, list(results), classes)
    for line in problems.lines():
        print(f'warning: {line}')
    scores = np.zeros((len(results), len(classes)))
    np.maximum.at(scores, (events.videos.astype(int), events.labels.astype(int)), events.scores.clip(0, 1))
    content = dict(classes=list(classes), scores=dict(zip(results, scores.round(6).tolist(), strict=True)))
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(content), encoding='utf-8')
    print(f'Scores of {len(results)} videos and {len(classes)} classes written to {args.out}')


if __name__ == '__main__':
    run_command(main)
