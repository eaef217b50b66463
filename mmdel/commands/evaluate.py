"""Score a result file against an annotation file, each of any format that docs/formats.md lists.

Examples:
    mmdel evaluate annotations.json results.json --subset test --protocol unav100
    mmdel evaluate annotations.json results.json --tious 0.1:0.9:9 --json scores.json --diagnose out/
    mmdel evaluate mine.py results.json
    mmdel evaluate verb_annotations.json verbs.json --noun noun_annotations.json nouns.json
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmdel.evaluation.event_measures import ONE_CLASS, EventMeasures, why_not_scored
from mmdel.evaluation.functional import GroundTruth, Predictions, check_tious, diagnose
from mmdel.evaluation.protocols import PROTOCOLS, Protocol, tiou_range
from mmdel.evaluation.result_file import parse_predictions, read_results, task_labels
from mmdel.evaluation.sound_event_measures import SoundEventMeasures
from mmdel.evaluation.verb_noun import join_predictions, join_records
from mmdel.events.annotations import parse_annotations
from mmdel.events.raw import RawEvents
from mmdel.events.reading import read_raw
from mmdel.events.times import MAX_SEC
from mmdel.utils.config_options import add_config_options
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.names import canonical_subset, to_label
from mmdel.utils.read_config import is_config

if TYPE_CHECKING:  # torch, which comes with it, takes longer than scoring; files of events need none
    from mmengine.config import Config


class Inputs(NamedTuple):
    """The path of the truth, that of a result file, and what the latter holds."""

    gt: str
    pred: str
    results: RawEvents


class Task(NamedTuple):
    """What is scored at once.

    Attributes:
        name: The field that names the class.
        title: What the truth is, for messages.
        records: The videos that count, with their events; of :meth:`Annotations.records`.
        classes: The names of the classes.
        predictions: Their events, by the places of videos in ``records``.
    """

    name: str
    title: str
    records: list[dict]
    classes: tuple[str, ...]
    predictions: Predictions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel evaluate``."""
    parser.add_argument(
        'gt',
        metavar='GT',
        help='annotations: a file of events, or a config: those of its test data',
    )
    parser.add_argument('pred', metavar='PRED', help='results: a file of events that have scores')
    parser.add_argument(
        '--noun',
        nargs=2,
        metavar=('GT', 'PRED'),
        help='EPIC-Kitchens: GT and PRED are about verbs, these about nouns; verb, noun and action are scored',
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
        '--class-agnostic',
        action='store_true',
        help='score where events are and not what they are, as for proposals; there need be no labels',
    )
    parser.add_argument(
        '--same-within',
        type=float,
        metavar='SEC',
        help='count true events of one class once that begin and end within so many seconds of each other '
        "(authors' codes: 0.001)",
    )
    parser.add_argument('--blocked', metavar='FILE', help='JSON list of videos that do not count')
    parser.add_argument(
        '--steps-per-video', type=int, help='score single time steps too, so many a video (Charades: 25)'
    )
    parser.add_argument('--step-hz', type=float, help='score single time steps too, so many a second (MultiTHUMOS)')
    parser.add_argument(
        '--sound',
        nargs='?',
        type=float,
        const=0.5,
        metavar='SCORE',
        help='score as sound event detection does, too: F1 of predictions of this score or more (default: 0.5), PSDS',
    )
    add_config_options(parser)


def main(args: argparse.Namespace) -> None:
    """Run it."""
    cfg = read_if_config(args, args.gt)
    metric, protocol = choose_measures(args, cfg)
    inputs = Inputs(args.gt, args.pred, read_results(args.pred))
    if args.noun is not None:
        tasks = verb_noun_tasks(args, metric, protocol, inputs)
    else:
        one = cfg is not None or metric.class_agnostic
        fields = ['label'] if one else choose_fields(protocol, read_raw(args.gt))
        tasks = (read_task(args, metric, protocol, inputs, field) for field in fields)
    metrics: dict[str, float] = {}
    for task in tasks:
        name, truth, predictions = task.name, metric.counted(stack_truth(task)), task.predictions
        durations_sec = [record['duration_sec'] for record in task.records]
        values, tables = metric.score(truth, predictions, durations_sec, task.classes, digits=2)
        print(f'{Path(args.pred).name} against {task.title}' + ('' if name == 'label' else f', {name}'))
        print(tables)
        if args.sound is not None:
            known = [None if seconds == MAX_SEC else seconds for seconds in durations_sec]
            sound, tables = SoundEventMeasures(score_thr=args.sound).score(truth, predictions, known, task.classes)
            print(tables)
            values |= {f'sound/{key}': value for key, value in sound.items()}
        metrics |= values if name == 'label' else {f'{name}/{key}': value for key, value in values.items()}
        if args.diagnose:
            from mmdel.evaluation.diagnosis_report import diagnosis_tables, write_diagnosis  # with matplotlib

            diagnosis = diagnose(truth, predictions, len(task.classes), min(metric.tious, key=lambda t: abs(t - 0.5)))
            print(diagnosis_tables(diagnosis))
            stem = 'diagnosis' if name == 'label' else f'diagnosis_{name}'
            print('written:', *write_diagnosis(diagnosis, args.diagnose, stem))
    if args.json:
        write_json(args.json, metrics, indent=2)
        print('written:', args.json)


def read_if_config(args: argparse.Namespace, path: str) -> Config | None:
    """The config that is asked for; None if it is an annotation file."""
    if not is_config(path):
        return None
    from mmdel.utils.command_line import load_config

    return load_config(argparse.Namespace(**vars(args), config=path))


def choose_measures(args: argparse.Namespace, cfg: Config | None) -> tuple[EventMeasures, Protocol]:
    """What is measured: as the config's mmdel.EventMAP does, but for what the command line says otherwise."""
    options: dict[str, Any] = dict(protocol='epic' if args.noun else 'unav100') | find_metric(cfg or {})
    if args.protocol is not None:
        options |= dict(protocol=args.protocol, tious=None)
    if args.tious is not None:
        options['tious'] = parse_tious(args.tious)
    if args.steps_per_video is not None or args.step_hz is not None:
        options |= dict(steps_per_video=args.steps_per_video, step_hz=args.step_hz)
    if args.same_within is not None:
        options['same_within_sec'] = args.same_within
    if args.blocked is not None:
        options['blocked_file'] = args.blocked
    options['class_agnostic'] = args.class_agnostic or options.get('class_agnostic', False)
    try:
        metric = EventMeasures(**options | dict(per_class=args.per_class, recall=True))
    except UserInputError:
        raise
    except (TypeError, ValueError) as error:
        raise UserInputError(f'the events cannot be scored so: {error}') from error
    return metric, PROTOCOLS[options['protocol']]


def find_metric(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """What the mmdel.EventMAP in a config's test evaluator measures; empty if it has none."""
    arguments = inspect.signature(EventMeasures).parameters
    evaluator = cfg.get('test_evaluator') or []
    if isinstance(evaluator, dict):
        evaluator = evaluator.get('metrics', evaluator)
    for metric in [evaluator] if isinstance(evaluator, dict) else evaluator:
        kind = metric['type']
        if str(getattr(kind, '__name__', kind)).split('.')[-1] == 'EventMAP':
            return {name: value for name, value in metric.items() if name in arguments}
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


def choose_fields(protocol: Protocol, raw: RawEvents) -> list[str]:
    """The fields that name classes: the protocol's, or just the label where annotations have no other."""
    return [name for name in protocol.tasks if task_labels(raw, name)[:1] not in ([], [None])] or ['label']


def verb_noun_tasks(
    args: argparse.Namespace, metric: EventMeasures, protocol: Protocol, verbs: Inputs
) -> Iterator[Task]:
    """Verbs, nouns and actions of two files, or configs, that are about verbs and about nouns."""
    verb = read_task(args, metric, protocol, verbs)._replace(name='verb')
    gt, pred = args.noun
    noun = read_task(args, metric, protocol, Inputs(gt, pred, read_results(pred)))._replace(name='noun')
    records, actions = join_records(verb.records, noun.records)
    yield from (verb, noun)
    place = {record['video_id']: place for place, record in enumerate(records)}
    places = np.array([place[record['video_id']] for record in noun.records])
    found = replace(noun.predictions, videos=places[noun.predictions.videos])
    names = tuple(f'{verb.classes[v]},{noun.classes[n]}' for v, n in actions)
    yield Task('action', verb.title, records, names, join_predictions(verb.predictions, found, actions))


def read_task(
    args: argparse.Namespace, metric: EventMeasures, protocol: Protocol, inputs: Inputs, field: str = 'label'
) -> Task:
    """One field that names classes, in a file or in the test data of a config; what does not fit is printed."""
    cfg = read_if_config(args, inputs.gt)
    if cfg is not None:
        title, records, classes = read_dataset(args, metric, cfg)
        require_common(inputs, [record['video_id'] for record in records])
    else:
        title, records, classes = read_file(args, metric, protocol, inputs, field)
    records = [record for record in records if record['video_id'] not in metric.blocked]
    video_ids, results = [record['video_id'] for record in records], inputs.results
    if metric.class_agnostic:
        classes = ONE_CLASS
        records = [{**record, 'labels': np.zeros_like(record['labels'])} for record in records]
        results, field = replace(results, label=[ONE_CLASS[0]] * len(results)), 'label'
    predictions, problems = parse_predictions(results, video_ids, classes, field, metric.blocked)
    for line in problems.lines():
        print(f'warning: {line}')
    return Task(field, title, records, classes, predictions)


def read_dataset(
    args: argparse.Namespace, metric: EventMeasures, cfg: Config
) -> tuple[str, list[dict], tuple[str, ...]]:
    """The videos that a test with the config scores. Features may lack, unless they may be what tells the durations."""
    from mmdel.datasets.from_config import find_truth

    dataset = find_truth(cfg)
    if args.subset is not None:
        dataset.subsets = [args.subset]
    if args.protocol is not None:
        dataset.ignore_labels |= set(PROTOCOLS[args.protocol].ignore_labels)
    if metric.steps and dataset.missing == 'ignore':
        dataset.missing = 'error'
    dataset.full_init()
    title = f'{Path(dataset.ann_file).name}, {"+".join(map(canonical_subset, dataset.subsets))}'
    return title, [dataset.get_data_info(index) for index in range(len(dataset))], dataset.metainfo['classes']


def read_file(
    args: argparse.Namespace, metric: EventMeasures, protocol: Protocol, inputs: Inputs, field: str
) -> tuple[str, list[dict], tuple[str, ...]]:
    """The videos of a subset of an annotation file. Events stay as annotated, unclipped."""
    gt, raw = inputs.gt, read_raw(inputs.gt)
    subset = choose_subset(args, raw, inputs)
    for fields in raw.videos.values():
        if not metric.steps and fields.get('duration') is None:
            fields['duration'] = MAX_SEC  # only steps need to know
    if field != 'label' or metric.class_agnostic:
        labels = task_labels(raw, field)
        if metric.class_agnostic:
            labels = [label if label in protocol.ignore_labels else ONE_CLASS[0] for label in map(to_label, labels)]
        columns = {name: values for name, values in raw.columns.items() if name != 'label_id'}
        raw = replace(raw, label=labels, columns=columns)
    annotations = parse_annotations(raw, subset, ignore_labels=protocol.ignore_labels)
    title = f'{Path(gt).name}, {subset[0]}' if subset else Path(gt).name
    return title, annotations.records(clip=False), annotations.classes


def choose_subset(args: argparse.Namespace, raw: RawEvents, inputs: Inputs) -> list[str] | None:
    """The subset to score: as asked for, or the only one of which the result file names videos; None without any."""
    if args.subset is not None:
        return [canonical_subset(args.subset)]
    require_common(inputs, list(raw.videos))
    named = [raw.videos[name].get('subset') for name in inputs.results.videos if name in raw.videos]
    found = sorted({canonical_subset(name) for name in named if name is not None})
    if len(found) > 1:
        raise UserInputError(f'{inputs.pred} has videos of the subsets {", ".join(found)}: choose one by --subset')
    return found or None


def require_common(inputs: Inputs, video_ids: list[str]) -> None:
    """The result file is about some of the videos."""
    if inputs.results.videos.keys().isdisjoint(video_ids):
        found, expected = (', '.join(names[:3]) for names in (list(inputs.results.videos), video_ids))
        raise UserInputError(f'No video of {inputs.pred} (e.g. {found}) is in {inputs.gt} (e.g. {expected})')


def stack_truth(task: Task) -> GroundTruth:
    """The events of all records, whose places number the videos, as one table."""
    reason = why_not_scored([{'true_labels': record['labels'], **record} for record in task.records])
    if reason:
        raise UserInputError(f'{task.title}: {reason}')
    numbers = np.repeat(np.arange(len(task.records)), [len(record['labels']) for record in task.records])
    columns = ([record[key] for record in task.records] for key in ('labels', 'segments_sec', 'ignored'))
    return GroundTruth(numbers, *map(np.concatenate, columns))
