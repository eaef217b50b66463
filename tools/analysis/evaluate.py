"""Score a result file in ActivityNet's format against an annotation file.

Examples:
    python tools/analysis/evaluate.py annotations.json results.json --subset test --protocol unav100
    python tools/analysis/evaluate.py annotations.json results.json --tious 0.1:0.9:9 --json scores.json --diagnose out/
    python tools/analysis/evaluate.py configs/my_data.py results.json
    python tools/analysis/evaluate.py verb_annotations.json verbs.json --noun noun_annotations.json nouns.json
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.datasets import EventDataset
from mmdel.datasets.annotation_file import canonical_subset, collect_classes, load_database, parse_videos
from mmdel.datasets.from_config import find_truth
from mmdel.evaluation.diagnosis_report import diagnosis_tables, write_diagnosis
from mmdel.evaluation.event_scores import without_classes
from mmdel.evaluation.functional import GroundTruth, Predictions, check_tious, diagnose
from mmdel.evaluation.metrics import EventMAP
from mmdel.evaluation.protocols import PROTOCOLS, Protocol, tiou_range
from mmdel.evaluation.result_file import entry_label, load_results, parse_predictions
from mmdel.evaluation.verb_noun import join_annotations, join_results, name_labels
from mmdel.utils.command_line import add_config_options, load_config, run_command
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json


class Task(NamedTuple):
    """What is scored at once.

    Attributes:
        title: What the truth is, for messages.
        records: The videos that count, with their events; as :func:`~mmdel.datasets.annotation_file.parse_videos`.
        classes: The names of the classes.
        results: Video id → predictions.
    """

    title: str
    records: list[dict]
    classes: tuple[str, ...]
    results: dict[str, list]


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
    parser.add_argument(
        '--subset', help="subset of the annotations (default: the config's, or the one that the result file is about)"
    )
    parser.add_argument(
        '--protocol',
        choices=sorted(PROTOCOLS),
        help="thresholds, and what else a data set asks for (default: the config's, unav100, with --noun epic)",
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
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args, args.gt)
    metric, protocol = choose_measures(args, cfg)
    results = load_results(args.pred)
    if args.noun is not None:
        tasks = verb_noun_tasks(args, protocol, results, bool(metric.steps))
    elif cfg is not None:
        tasks = {'label': config_task(args, cfg, results, bool(metric.steps))}
    else:
        tasks = file_tasks(args, protocol, results, bool(metric.steps))
    metrics: dict[str, float] = {}
    for name, task in tasks.items():
        print(f'{Path(args.pred).name} against {task.title}' + ('' if name == 'label' else f', {name}'))
        truth, predictions, durations_sec = stack(task, name, metric, args.pred)
        values, tables = metric.score(truth, predictions, durations_sec, task.classes, digits=2)
        print(tables)
        metrics |= values if name == 'label' else {f'{name}/{key}': value for key, value in values.items()}
        if args.diagnose:
            if metric.class_agnostic:
                truth, predictions = without_classes(truth, predictions)
            diagnosis = diagnose(truth, predictions, len(task.classes), min(metric.tious, key=lambda t: abs(t - 0.5)))
            print(diagnosis_tables(diagnosis))
            stem = 'diagnosis' if name == 'label' else f'diagnosis_{name}'
            print('written:', *write_diagnosis(diagnosis, args.diagnose, stem))
    if args.json:
        write_json(args.json, metrics, indent=2)
        print('written:', args.json)


def read_config(args: argparse.Namespace, path: str) -> Config | None:
    """The config at a path; None if it is an annotation file."""
    return load_config(argparse.Namespace(**vars(args), config=path)) if path.endswith('.py') else None


def choose_measures(args: argparse.Namespace, cfg: Config | None) -> tuple[EventMAP, Protocol]:
    """What is measured: as the config's mmdel.EventMAP does, but for what the command line says otherwise."""
    options: dict[str, Any] = dict(protocol='epic' if args.noun else 'unav100') | find_metric(cfg or Config())
    if args.protocol is not None:
        options |= dict(protocol=args.protocol, tious=None)
    if args.tious is not None:
        options['tious'] = parse_tious(args.tious)
    if args.steps_per_video is not None or args.step_hz is not None:
        options |= dict(steps_per_video=args.steps_per_video, step_hz=args.step_hz)
    if args.blocked is not None:
        options['blocked_file'] = args.blocked
    options['class_agnostic'] = args.class_agnostic or options.get('class_agnostic', False)
    try:
        metric = EventMAP(**options | dict(per_class=args.per_class, recall=True))
    except UserInputError:
        raise
    except (TypeError, ValueError) as error:
        raise UserInputError(f'the events cannot be scored so: {error}') from error
    return metric, PROTOCOLS[options['protocol']]


def find_metric(cfg: Config) -> dict[str, Any]:
    """The arguments of the mmdel.EventMAP in a config's test evaluator; empty if it has none."""
    evaluator = cfg.get('test_evaluator') or []
    if isinstance(evaluator, dict):
        evaluator = evaluator.get('metrics', evaluator)
    for metric in [evaluator] if isinstance(evaluator, dict) else evaluator:
        kind = metric['type']
        if str(getattr(kind, '__name__', kind)).split('.')[-1] == EventMAP.__name__:
            return {name: value for name, value in metric.items() if name != 'type'}
    return {}


def parse_tious(text: str) -> tuple[float, ...]:
    """The thresholds of --tious."""
    try:
        if ':' not in text:
            return tuple(check_tious([float(tiou) for tiou in text.split(',')]).tolist())
        first, last, num = text.split(':')
        return tuple(check_tious(tiou_range(float(first), float(last), int(num))).tolist())
    except ValueError as error:
        raise UserInputError(
            f'--tious must be first:last:number (0.1:0.9:9) or a list (0.5,0.75) of numbers in (0, 1], got {text!r}'
        ) from error


def read_dataset(args: argparse.Namespace, cfg: Config, need_durations: bool = False) -> EventDataset:
    """The test data set of a config. Its feature files may lack, unless they may be what tells the durations."""
    dataset = find_truth(cfg)
    if args.subset is not None:
        dataset.subsets = [args.subset]
    if args.protocol is not None:
        dataset.ignore_labels |= set(PROTOCOLS[args.protocol].ignore_labels)
    if need_durations and dataset.missing == 'ignore':
        dataset.missing = 'error'
    dataset.full_init()
    return dataset


def config_task(args: argparse.Namespace, cfg: Config, results: dict[str, list], need_durations: bool) -> Task:
    """The videos that a test with the config scores."""
    dataset = read_dataset(args, cfg, need_durations)
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    require_common(args, results, [record['video_id'] for record in records])
    title = f'{Path(dataset.ann_file).name}, {"+".join(map(canonical_subset, dataset.subsets))}'
    return Task(title, records, dataset.metainfo['classes'], results)


def file_tasks(
    args: argparse.Namespace, protocol: Protocol, results: dict[str, list], need_durations: bool
) -> dict[str, Task]:
    """The fields that name classes: the protocol's, or just the label where annotations have no other."""
    database = load_database(args.gt)
    subset = choose_subset(args, database, results)
    first: Any = next((event for entry in database.values() for event in entry.get('annotations') or ()), {})
    tasks = [task for task in protocol.tasks if isinstance(first, dict) and entry_label(first, task)] or ['label']
    return {task: read_task(args.gt, database, subset, task, protocol, results, need_durations) for task in tasks}


def verb_noun_tasks(
    args: argparse.Namespace, protocol: Protocol, results: dict[str, list], need_durations: bool
) -> dict[str, Task]:
    """Verbs, nouns and actions of two files, or configs, that are about verbs and about nouns."""
    verb_file, verbs, verb_classes = load_annotations(args, args.gt)
    _, nouns, noun_classes = load_annotations(args, args.noun[0])
    database = join_annotations(verbs, {name: entry for name, entry in nouns.items() if name in verbs})
    subset = choose_subset(args, database, results)
    verb_results = name_labels(results, 'verb', verb_classes)
    noun_results = name_labels(load_results(args.noun[1]), 'noun', noun_classes)
    actions = {(event['verb'], event['noun']) for entry in database.values() for event in entry['annotations']}
    results_of = dict(verb=verb_results, noun=noun_results, action=join_results(verb_results, noun_results, actions))
    return {
        task: read_task(verb_file, database, subset, task, protocol, own, need_durations)
        for task, own in results_of.items()
    }


def load_annotations(args: argparse.Namespace, path: str) -> tuple[str, dict[str, dict], tuple[str, ...]]:
    """The annotation file that is meant, its videos and its classes: of a file, or of the test data of a config."""
    cfg = read_config(args, path)
    if cfg is None:
        database = load_database(path)
        return path, database, collect_classes(database, path)
    dataset = read_dataset(args, cfg)
    database = load_database(dataset.ann_file, dataset.csv)
    kept = [dataset.get_data_info(index)['video_id'] for index in range(len(dataset))]
    return dataset.ann_file, {name: database[name] for name in kept}, dataset.metainfo['classes']


def read_task(
    ann_file: str,
    database: dict[str, dict],
    subset: str,
    task: str,
    protocol: Protocol,
    results: dict[str, list],
    need_durations: bool,
) -> Task:
    """The subset's videos as to one field that names classes. Events stay as annotated, unclipped."""
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
    classes = collect_classes(videos, ann_file, protocol.ignore_labels)
    records = parse_videos(videos, ann_file, [subset], classes, protocol.ignore_labels, clip=False)
    return Task(f'{Path(ann_file).name}, {subset}', records, classes, results)


def choose_subset(args: argparse.Namespace, database: dict[str, dict], results: dict[str, list]) -> str:
    """The subset to score: as asked for, or the only one of which the result file names videos."""
    if args.subset is not None:
        return canonical_subset(args.subset)
    require_common(args, results, list(database))
    found = sorted({canonical_subset(database[name].get('subset', '')) for name in results if name in database})
    if len(found) > 1:
        raise UserInputError(f'{args.pred} has videos of the subsets {", ".join(found)}: choose one by --subset')
    return found[0]


def require_common(args: argparse.Namespace, results: dict[str, list], video_ids: list[str]) -> None:
    """The result file is about some of the videos."""
    if results.keys().isdisjoint(video_ids):
        raise UserInputError(
            f'No video of {args.pred} (e.g. {", ".join(list(results)[:3])}) is in {args.gt} '
            f'(e.g. {", ".join(video_ids[:3])})'
        )


def stack(task: Task, name: str, metric: EventMAP, path: str) -> tuple[GroundTruth, Predictions, list[float]]:
    """Truth, predictions and durations of the videos that are not blocked; what does not fit is printed."""
    records = [record for record in task.records if record['video_id'] not in metric.blocked]
    video_ids = [record['video_id'] for record in records]
    predictions, problems = parse_predictions(task.results, path, video_ids, task.classes, name, metric.blocked)
    for line in problems.lines():
        print(f'warning: {line}')
    numbers = np.repeat(np.arange(len(records)), [len(record['labels']) for record in records])
    columns = {key: [record[key] for record in records] for key in ('labels', 'segments_sec', 'ignored')}
    if not records or np.concatenate(columns['ignored']).all():
        raise UserInputError(f'there is no event to find in {task.title}: the mAP is undefined')
    truth = GroundTruth(numbers, *map(np.concatenate, columns.values()))
    return truth, predictions, [record['duration_sec'] for record in records]


if __name__ == '__main__':
    run_command(main)
