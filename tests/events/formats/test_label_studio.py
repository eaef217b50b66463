from __future__ import annotations

from copy import deepcopy

import pytest
from events.formats.samples_json import (
    LABEL_STUDIO,
    LABEL_STUDIO_TIMELINE,
    SOUND_REGION,
    TIMELINE_REGION,
    encode,
    read_content,
    rows_of,
)

from mmdel.events.formats import label_studio
from mmdel.events.reading import read_events
from mmdel.utils.errors import UserInputError


def test_regions_of_sound(tmp_path):
    """An event for each label of a region; a name without what an upload puts before it, but with what looks so."""
    raw = read_content(label_studio, tmp_path, LABEL_STUDIO)
    place = '[0].annotations[0].result[0]'
    assert rows_of(raw) == [('yard', 0.75, 3.1, 'Dog', place), ('yard', 0.75, 3.1, 'Loud', place)]
    assert raw.times == 'seconds' and raw.columns == {'annotator': [2, 2]}
    assert raw.videos == {'yard': {'duration': 12.5}, '550e8400-e29b': {}}
    assert raw.left_out == {'regions of type textarea': 1, 'annotations that were skipped': 1}


def test_regions_of_a_timeline_are_frames_from_one_with_the_last(tmp_path):
    raw = read_content(label_studio, tmp_path, LABEL_STUDIO_TIMELINE)
    place = '[0].annotations[0].result[0]'
    assert rows_of(raw) == [('gym', 0, 50, 'walk', place), ('gym', 100, 101, 'walk', place)]
    assert raw.times == 'frames' and raw.videos == {'gym': {}}


def test_seconds_and_frames_may_stand_in_one_file(tmp_path):
    task = {'data': {'video': 'a.mp4'}, 'annotations': [{'result': [SOUND_REGION, TIMELINE_REGION]}]}
    (tmp_path / 'a.json').write_bytes(encode([task]))
    events = read_events(tmp_path / 'a.json', fps=20.0)
    assert [event[1:4] for event in events] == [
        (0.75, 3.1, 'Dog'),
        (0.75, 3.1, 'Loud'),
        (0.0, 2.5, 'walk'),
        (5.0, 5.05, 'walk'),
    ]
    assert events.videos[0].duration_sec == 12.5


def test_time_series_and_texts(tmp_path):
    span = {'start': 3, 'end': 5, 'timeserieslabels': ['Run']}
    results = [
        {'type': 'timeserieslabels', 'value': span},
        {'type': 'timeserieslabels', 'value': {**span, 'instant': True}},
        {'type': 'labels', 'value': {'start': 3, 'end': 5, 'text': 'abc', 'labels': ['Noun']}},
    ]
    task = {'data': {'csv': 'https://host/run1.csv'}, 'annotations': [{'result': results}]}
    raw = read_content(label_studio, tmp_path, [task])
    assert rows_of(raw) == [('run1.csv', 3, 5, 'Run', '[0].annotations[0].result[0]')]
    assert raw.left_out == {'points in time': 1, 'regions of type labels in texts': 1}


def test_predictions_where_nobody_annotated(tmp_path):
    prediction = {'result': [{**SOUND_REGION, 'score': 0.75}]}
    tasks = [{'data': {'audio': 'a.wav'}, 'predictions': [prediction]}]
    raw = read_content(label_studio, tmp_path, tasks)
    assert [row[3] for row in rows_of(raw)] == ['Dog', 'Loud'] and raw.columns['score'] == [0.75, 0.75]
    raw = read_content(label_studio, tmp_path, [*tasks, *LABEL_STUDIO])
    assert [row[0] for row in rows_of(raw)] == ['yard', 'yard']
    assert raw.left_out['predictions beside annotations'] == 1


def test_a_task_names_one_file(tmp_path):
    tasks = deepcopy(LABEL_STUDIO)
    tasks[0]['data'] = {'left': 'x/a.wav', 'right': 'x/b.wav', 'text': 'c/d'}
    with pytest.raises(UserInputError, match=r"\[0\].data is .*; expected the name of one file; .*video='…'"):
        read_content(label_studio, tmp_path, tasks)
    tasks[1]['data'] = {'right': 'y/c.wav'}
    assert list(read_content(label_studio, tmp_path, tasks, video='right').videos) == ['b', 'c']
    tasks[0]['data'] = {'text': 'no file'}
    with pytest.raises(UserInputError, match='expected the name of one file'):
        read_content(label_studio, tmp_path, tasks)


def test_two_files_of_one_name_are_a_problem_and_two_tasks_of_one_file_are_none(tmp_path):
    tasks = [{'data': {'audio': f'{folder}/a.wav'}, 'annotations': []} for folder in 'xxy']
    raw = read_content(label_studio, tmp_path, tasks)
    assert [(problem.kind, problem.video_id) for problem in raw.problems] == [('repeated-video-id', 'a')]
