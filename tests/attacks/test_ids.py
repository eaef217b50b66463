"""Hostile ids of videos: what is read lies in the stream's folder, what is written in the folder of the pictures."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from mmengine.config import Config
from sandbox import run_apart

from mmdel.datasets import EventDataset
from mmdel.datasets.checks import diagnose
from mmdel.datasets.checks.report import detail_lines, problem_table
from mmdel.datasets.checks.statistics import annotation_tables
from mmdel.datasets.feature_pack import PackWriter
from mmdel.datasets.transforms.loading import load_stream
from mmdel.evaluation.event_scores import evaluate_events
from mmdel.evaluation.functional import GroundTruth, Predictions
from mmdel.events import Events, Video
from mmdel.events.annotations import parse_annotations
from mmdel.events.problems import Problem, warn_of
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import file_name

OUTSIDE = ['../secret', 'a/../../secret', '/{folder}/secret', '..', 'features/../../secret', '..\\secret']
ODD = [
    'a\nb',
    '\x1b[31mred\x1b[0m',
    '\r',
    '{id}',
    '{',
    '{0.__class__}',
    '%s',
    'a\0b',
    '\udce9',
    'x' * 300,
    '‮gpj.exe',
    '~',
    '$HOME',
]
FINE = ['a/b', 'a_b', 'a b', 'a%2Fb', '犬', '.hidden', '-rf', '*', '{id}x']


def made(tmp_path, ids) -> dict:
    """Arguments of a data set of such videos; beside its folder lies a feature that no one may read."""
    np.save(tmp_path / 'secret.npy', np.full((9, 3), 7, np.float32))
    entry = dict(subset='train', duration=9.0, annotations=[dict(segment=[1, 2], label='x')])
    (tmp_path / 'ann.json').write_text(json.dumps(dict(database=dict.fromkeys(ids, entry))))
    (tmp_path / 'features').mkdir()
    stream = dict(root='features', files=['{id}.npy'], stride=1, window=1, fps=1)
    return dict(ann_file='ann.json', data_root=str(tmp_path), streams=dict(visual=stream), subset='train')


@pytest.mark.parametrize('video_id', OUTSIDE)
def test_no_id_leads_out_of_the_folder_of_a_stream(video_id, tmp_path):
    video_id = video_id.replace('/{folder}', str(tmp_path))
    options = made(tmp_path, [video_id])
    answer = run_apart(lambda: len(EventDataset(**options)))
    assert answer.startswith('refused: 1 of the 1 videos') and 'lack feature files' in answer, answer
    # The name that such an id has is a file like any other.
    np.save(tmp_path / 'features' / f'{file_name(video_id)}.npy', np.zeros((9, 3), np.float32))
    dataset = EventDataset(**options)
    (path,) = dataset.get_data_info(0)['streams']['visual']['files']
    assert os.path.dirname(os.path.realpath(path)) == str(tmp_path / 'features')
    assert not load_stream('visual', dataset.get_data_info(0)['streams']['visual'], 9.0).any()


def test_odd_ids_are_told_with_their_codes_and_fine_ones_are_read(tmp_path):
    options = made(tmp_path, [*ODD, *FINE])
    for name in FINE:
        path = tmp_path / 'features' / f'{name}.npy'
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.zeros((9, 3), np.float32))
    dataset = EventDataset(**options, missing='skip')
    assert [dataset.get_data_info(index)['video_id'] for index in range(len(dataset))] == FINE
    with pytest.raises(UserInputError) as raised:
        EventDataset(**options)
    assert 'x1b[31mred' in str(raised.value) or 'a\nb' in str(raised.value)
    assert not set(str(raised.value)) & set('\x1b\r\0\udce9\u202e')


def test_the_doctor_lists_them(tmp_path):
    options = made(tmp_path, [*ODD, *OUTSIDE[:3], *FINE])
    cfg = Config(dict(train_dataloader=dict(dataset=dict(type='mmdel.EventDataset', pipeline=[], **options))))
    lacking = {
        problem.video_id for problem in diagnose(cfg).problems if problem.kind in ('missing-file', 'missing-folder')
    }
    assert len(lacking) >= len(ODD)


def test_a_packed_file_keeps_each_under_its_own_name(tmp_path):
    pytest.importorskip('lmdb')
    names = [name for name in [*ODD, *FINE, *OUTSIDE] if len(name) < 300 and '\udce9' not in name]
    writer = PackWriter(str(tmp_path / 'a.lmdb'))
    for number, name in enumerate(names):
        writer.put(f'visual/{name}', np.full((9, 3), number, np.float32))
    writer.close()
    options = made(tmp_path, names)
    options['streams']['visual'].update(root='a.lmdb', files=['visual/{id}'])
    dataset = EventDataset(**options, missing='skip')
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        array = load_stream('visual', record['streams']['visual'], 9.0)
        assert (array == names.index(record['video_id'])).all()
    assert len(dataset) >= len(FINE)


def test_no_table_or_message_steers_the_terminal(capsys, logged):
    hostile = '\x1b[2J\r\u202e'
    videos = [Video(hostile, 9.0, subset=hostile), Video('b', 9.0, subset='train')]
    events = Events.from_rows([(hostile, 1.0, 2.0, hostile), ('b', 1.0, 20.0, hostile)], videos)
    annotations = parse_annotations(events.to_raw())
    warn_of(annotations.problems)
    shown = [annotation_tables(annotations.read, annotations.classes), problem_table(annotations.problems), *logged]
    shown += detail_lines(annotations.problems, 9)
    segment = np.array([[0.0, 1.0]])
    truth, predicted = GroundTruth([0], [0], segment), Predictions([0], [0], segment, [0.5])
    shown.append(evaluate_events(truth, predicted, [0.5], 1).class_table([hostile]))
    assert len(logged) and not any(set(text) & set(hostile) - set('[2J') for text in shown)


def test_no_error_steers_the_terminal():
    problem = Problem('missing-file', 'found \x1b[2J', 'expected \u202e', 'video\r', 'file\0')
    for error in (UserInputError('a\x1b[2J\r\0\udce9'), problem.error()):
        assert str(error).isprintable()
