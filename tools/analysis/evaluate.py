"""Score a result file in ActivityNet's format against an annotation file.

Examples:
    python tools/analysis/evaluate.py annotations.json results.json --subset test --protocol unav100
    python tools/analysis/evaluate.py annotations.json results.json --tious 0.1:0.9:9 --json scores.json --diagnose out/
    python tools/analysis/evaluate.py configs/my_data.py results.json
    python tools/analysis/evaluate.py verb_annotations.json verbs.json --noun noun_annotations.json nouns.json
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmdel.datasets.annotation_file import canonical_subset, collect_classes, load_database, parse_videos
from mmdel.evaluation.diagnosis_report import diagnosis_tables, write_diagnosis
from mmdel.evaluation.event_scores import evaluate_events, recall_metrics, recall_table, without_classes
from mmdel.evaluation.functional import (
    GroundTruth,
    Predictions,
    check_tious,
    diagnose,
    event_step_average_precision,
    mean_over_classes,
)
from mmdel.evaluation.protocols import PROTOCOLS, Protocol, tiou_range
from mmdel.evaluation.result_file import entry_label, load_results, load_video_list, parse_predictions
from mmdel.evaluation.verb_noun import join_annotations, join_results, name_labels
from mmdel.utils.command_line import run_command
from mmdel.utils.errors import UserInputError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'gt',
        metavar='GT',
        help='annotations: JSON whose "database" maps video ids to their events, or a config: those of its test data',
    )
    parser.add_argument('pred', metavar='PRED.json', help='results: "results" maps video ids to predictions')
    parser.add_argument(
        '--noun',
        nargs=2,
        metavar=('GT', 'PRED.json'),
        help='EPIC-Kitchens: GT and PRED.json are about verbs, these about nouns; verb, noun and action are scored',
    )
    parser.add_argument('--subset', help='subset of the annotations (default: the one that the result file is about)')
    parser.add_argument(
        '--protocol',
        choices=sorted(PROTOCOLS),
        help='thresholds, and what else a data set asks for (default: unav100, with --noun epic)',
    )
    parser.add_argument('--tious', help="thresholds instead of the protocol's: first:last:number, or a,b,c")
    parser.add_argument('--json', metavar='OUT', help='write the scores in percent to this file')
    parser.add_argument('--diagnose', metavar='DIR', help='write a diagnosis (table, picture, JSON) to this folder')
    parser.add_argument('--per-class', action='store_true', help='print the AP of every class')
    parser.add_argument(
        '--class-agnostic', action='store_true', help='score where events are and not what they are, as for proposals'
    )
    parser.add_argument('--blocked', metavar='FILE', help='JSON list of videos that do not count')
    parser.add_argument(
        '--steps-per-video', type=int, help='score single time steps too, so many a video (Charades: 25)'
    )
    parser.add_argument('--step-hz', type=float, help='score single time steps too, so many a second (MultiTHUMOS)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    protocol = choose_protocol(args)
    steps = {k: v for k, v in dict(steps_per_video=args.steps_per_video, step_hz=args.step_hz).items() if v is not None}
    if len(steps) > 1 or any(not value > 0 for value in steps.values()):
        raise UserInputError('give one of --steps-per-video and --step-hz, as a positive number')
    blocked = frozenset(load_video_list(args.blocked) if args.blocked else ())
    results = load_results(args.pred)
    gt_file, database = load_truth(args.gt)
    subset = choose_subset(args, database, results)
    database = {name: entry for name, entry in database.items() if name not in blocked}
    results_of = defaultdict(lambda: results)
    if args.noun is not None:
        database, results_of = join_nouns(args, gt_file, database, results)

    metrics: dict[str, float] = {}
    for task in choose_tasks(protocol, database):
        title = f'{Path(args.pred).name} against {Path(gt_file).name}' + (f', {subset}' if subset else '')
        print(f'{title}, {task}' if task != 'label' else title)
        records, classes = read_truth(gt_file, database, subset, task, protocol.ignore_labels, bool(steps))
        predictions, problems = parse_predictions(
            results_of[task], args.pred, [record['video_id'] for record in records], classes, task, blocked
        )
        for line in problems.lines():
            print(f'warning: {line}')
        truth = stack_truth(records)
        if truth.ignored.all():
            raise UserInputError(f'{gt_file} has no event to find in the subset {subset!r}: the mAP is undefined')
        if args.class_agnostic:
            truth, predictions = without_classes(truth, predictions)
            classes = ['event']
        values = score(truth, predictions, records, classes, protocol, steps, args.per_class)
        metrics |= values if task == 'label' else {f'{task}/{key}': value for key, value in values.items()}
        if args.diagnose:
            tiou = min(protocol.tious, key=lambda t: abs(t - 0.5))
            diagnosis = diagnose(truth, predictions, len(classes), tiou)
            print(diagnosis_tables(diagnosis))
            stem = 'diagnosis' if task == 'label' else f'diagnosis_{task}'
            with writing_to(args.diagnose):
                print('written:', *write_diagnosis(diagnosis, args.diagnose, stem))
    if args.json:
        with writing_to(args.json):
            write_json(args.json, metrics)
        print('written:', args.json)


def choose_protocol(args: argparse.Namespace) -> Protocol:
    """The protocol, with the thresholds of --tious if given."""
    protocol = PROTOCOLS[args.protocol or ('epic' if args.noun else 'unav100')]
    if args.tious is None:
        return protocol
    try:
        if ':' in args.tious:
            first, last, num = args.tious.split(':')
            tious = tiou_range(float(first), float(last), int(num))
        else:
            tious = tuple(float(tiou) for tiou in args.tious.split(','))
        thresholds = tuple(check_tious(tious).tolist())
    except ValueError as error:
        raise UserInputError(
            f'--tious must be first:last:number (0.1:0.9:9) or a list (0.5,0.75) of numbers in (0, 1], '
            f'got {args.tious!r}'
        ) from error
    return replace(protocol, tious=thresholds, reported=thresholds)


def load_truth(path: str) -> tuple[str, dict[str, dict]]:
    """The annotation file that is meant, and its videos: of a file, or of the test data of a config."""
    if not path.endswith('.py'):
        return path, load_database(path)
    if not Path(path).is_file():
        raise UserInputError(f'there is no config file {path}')
    dataset = Config.fromfile(path).test_dataloader.dataset
    ann_file = os.path.join(dataset.get('data_root') or '', dataset.ann_file)
    return ann_file, load_database(ann_file, dataset.get('csv'))


def join_nouns(
    args: argparse.Namespace, gt_file: str, verbs: dict[str, dict], results: dict[str, list]
) -> tuple[dict[str, dict], dict[str, dict[str, list]]]:
    """Videos whose events have a verb and a noun, and the results of each task."""
    noun_gt, noun_pred = args.noun
    noun_file, nouns = load_truth(noun_gt)
    nouns = {name: entry for name, entry in nouns.items() if name in verbs}
    database = join_annotations(verbs, nouns)
    events = [event for entry in database.values() for event in entry['annotations']]
    named = {
        'verb': name_labels(results, 'verb', collect_classes(verbs, gt_file)),
        'noun': name_labels(load_results(noun_pred), 'noun', collect_classes(nouns, noun_file)),
    }
    actions = {(event['verb'], event['noun']) for event in events}
    return database, {**named, 'action': join_results(named['verb'], named['noun'], actions)}


def choose_subset(args: argparse.Namespace, database: dict[str, dict], results: dict[str, list]) -> str:
    """The subset to score: as asked for, or the only one of which the result file names videos."""
    if args.subset is not None:
        return canonical_subset(args.subset)
    found = sorted({canonical_subset(database[name].get('subset', '')) for name in results if name in database})
    if len(found) == 1:
        return found[0]
    if found:
        raise UserInputError(f'{args.pred} has videos of the subsets {", ".join(found)}: choose one by --subset')
    raise UserInputError(
        f'No video of {args.pred} (e.g. {", ".join(list(results)[:3])}) is in {args.gt} '
        f'(e.g. {", ".join(list(database)[:3])})'
    )


def choose_tasks(protocol: Protocol, database: dict[str, dict]) -> tuple[str, ...]:
    """The fields that name classes: the protocol's, or just the label where annotations have no other."""
    annotation = next((a for entry in database.values() for a in entry.get('annotations') or ()), {})
    named = tuple(task for task in protocol.tasks if isinstance(annotation, dict) and entry_label(annotation, task))
    return named or ('label',)


def read_truth(
    gt_file: str,
    database: dict[str, dict],
    subset: str,
    task: str,
    ignore_labels: tuple[str, ...],
    need_durations: bool,
) -> tuple[list[dict], tuple[str, ...]]:
    """The records of the subset's videos, and the class names, of one task. Events stay as annotated, unclipped."""
    videos = {}
    for video_id, entry in database.items():
        videos[video_id] = entry = dict(entry)
        if not need_durations:
            entry.setdefault('duration', entry.get('duration_second', 1.0))
        if task != 'label':
            entry['annotations'] = [
                {'segment': a.get('segment'), 'label': entry_label(a, task)} if isinstance(a, dict) else a
                for a in entry.get('annotations') or ()
            ]
    classes = collect_classes(videos, gt_file, ignore_labels)
    return parse_videos(videos, gt_file, [subset], classes, ignore_labels, clip=False), classes


def stack_truth(records: list[dict]) -> GroundTruth:
    """The events of all records, whose places number the videos, as one table."""
    numbers = np.repeat(np.arange(len(records)), [len(record['labels']) for record in records])
    return GroundTruth(
        numbers, *(np.concatenate([record[key] for record in records]) for key in ('labels', 'segments_sec', 'ignored'))
    )


def score(
    truth: GroundTruth,
    predictions: Predictions,
    records: list[dict],
    classes: tuple[str, ...],
    protocol: Protocol,
    steps: dict,
    per_class: bool,
) -> dict[str, float]:
    """Score, print the tables, and return all values in percent."""
    scores = evaluate_events(truth, predictions, protocol.tious, len(classes))
    if per_class:
        print(scores.class_table(classes))
    print(scores.table(protocol.reported))
    found = recall_metrics(truth, predictions, protocol.tious, len(classes), len(records), digits=2)
    print(recall_table(found))
    values = scores.metrics(digits=2) | found
    if steps:
        durations = np.array([record['duration_sec'] for record in records])
        ap = event_step_average_precision(truth, predictions, durations, len(classes), **steps)
        values['step_mAP'] = 100 * float(mean_over_classes(ap[None])[0])
        print(f'per-step mAP [%]: {values["step_mAP"]:.2f}')
    return values


def write_json(path: str, metrics: dict[str, float]) -> None:
    """Write the scores; folders are created."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(metrics, indent=2) + '\n', encoding='utf-8')


@contextmanager
def writing_to(path: str) -> Iterator[None]:
    """Turn a failure to write into an error that names the path."""
    try:
        yield
    except OSError as error:
        raise UserInputError(f'Cannot write to {path}: {error.strerror}') from error


if __name__ == '__main__':
    run_command(main)
