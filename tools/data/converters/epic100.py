"""EPIC-Kitchens-100 (Damen et al. 2022) with SlowFast features: ActionFormer's archive, OpenTAD's or official files.

Verbs and nouns have a file each, with the same events in the same order.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from converters.layout import VGGISH, Content, DatasetLayout, require
from converters.sources import FeatureFiles, Sources
from mmdel.events import Events
from mmdel.events.annotations import parse_annotations
from mmdel.events.formats.table_layout import read_tables
from mmdel.events.problems import raise_first
from mmdel.events.reading import read_events
from mmdel.utils.errors import UserInputError

TASKS = ('verb', 'noun')


def read_annotations(sources: Sources) -> dict[str, Content]:
    """ActionFormer's files as they are; else made from the official tables; else from OpenTAD's files."""
    targets = {task: f'annotations/epic_kitchens_100_{task}.json' for task in TASKS}
    if all(sources.find(Path(target).name) for target in targets.values()):
        return {target: require(sources, Path(target).name) for target in targets.values()}
    if sources.find('EPIC_100_train.csv'):
        return {target: _from_tables(sources, task) for task, target in targets.items()}
    if all(sources.find(f'epic_kitchens_{task}.json') for task in TASKS):
        return {
            target: _from_opentad(require(sources, f'epic_kitchens_{task}.json')) for task, target in targets.items()
        }
    raise UserInputError(
        f'There is no epic_kitchens_100_verb.json and _noun.json, no EPIC_100_train.csv and no epic_kitchens_verb.json '
        f'and _noun.json under {", ".join(map(str, sources.roots))}{sources.packed()}'
    )


def _from_tables(sources: Sources, task: str) -> Events:
    train = require(sources, 'EPIC_100_train.csv')
    for name in ('EPIC_100_validation.csv', 'EPIC_100_video_info.csv'):
        if not train.with_name(name).is_file():
            raise UserInputError(f'{name} must lie beside {train}')
    classes = require(sources, f'EPIC_100_{task}_classes.csv', f'EPIC_100_{task}_classes_v2.csv')
    layout = dict(
        video='video_id',
        start='start_timestamp',
        end='stop_timestamp',
        label=f'{task}_class',
        subsets=['train', 'validation'],
        videos=dict(file='EPIC_100_video_info.csv', video='video_id', duration='duration', fps='fps'),
        classes=dict(file=str(classes), id='id', name='key'),
    )
    annotations = parse_annotations(read_tables(str(train.with_name('EPIC_100_{subset}.csv')), layout))
    raise_first(annotations.problems)
    return annotations.events


def _from_opentad(path: Path) -> Events:
    """Its labels are ``id_007``; the videos without annotations are those of the test subset."""
    events = read_events(path)
    numbers = [label.removeprefix('id_') for label in events.labels]
    for event in events:
        if not event.label.removeprefix('id_').isdecimal():
            raise UserInputError(f'{path}, video {event.video_id}: label must be like id_007, got {event.label!r}')
    label_ids = [int(numbers[index]) for index in events.label_index]
    return replace(events, extra={**events.extra, 'label_id': np.array(label_ids, dtype=object)})


LAYOUT = DatasetLayout(
    name='epic100',
    root_variable='MMDEL_EPIC100_ROOT',
    streams=dict(
        visual=(
            FeatureFiles(
                'features/{id}.npz',
                ('{id}.npz', '{id}.npy'),
                2304,
                words=('slowfast',),
                other_words=('vggish', 'audio'),
                key='feats',
            ),
        ),
        audio=(VGGISH,),
    ),
    read_annotations=read_annotations,
    configs=('del_epic100_verb', 'del_epic100_noun'),
    visual_configs=('del_epic100_verb_visual', 'del_epic100_noun_visual'),
)
