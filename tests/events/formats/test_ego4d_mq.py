from __future__ import annotations

import json
from copy import deepcopy

import pytest
from events.formats.samples_json import EGO4D_MQ, read_content, rows_of

from mmdel.events.formats import NO, PERHAPS, ego4d_mq
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

PLACE = 'videos[0].clips[0].annotations[0].labels'


def test_a_clip_is_a_video_and_its_times_are_from_its_start(tmp_path):
    raw = read_content(ego4d_mq, tmp_path, EGO4D_MQ)
    assert rows_of(raw) == [('d36bef1f', 10.5, 20.25, 'use_phone', f'{PLACE}[0]')]
    assert raw.columns == {'annotator': ['ab12']} and raw.left_out == {'labels that are not primary': 1}
    known = {'subset': 'train', 'video_uid': '5e5fa0e4'}
    assert raw.videos == {
        'd36bef1f': {**known, 'duration': 480.0, 'video_start_sec': 300.02},
        'early': {**known, 'duration': 8.0, 'video_start_sec': 0.0},
    }


def test_all_labels_on_demand(tmp_path):
    raw = read_content(ego4d_mq, tmp_path, EGO4D_MQ, primary_only=False)
    assert [row[1:] for row in rows_of(raw)][1] == (0.0, 1.0, 'walk', f'{PLACE}[1]')
    assert not raw.left_out


def test_a_clip_without_times_is_told(tmp_path):
    content = deepcopy(EGO4D_MQ)
    del content['videos'][0]['clips'][1]['video_end_sec']
    with pytest.raises(UserInputError, match=r'videos\[0\].clips\[1\].video_end_sec is None; expected a number'):
        read_content(ego4d_mq, tmp_path, content)


def test_other_tasks_of_ego4d_are_not_claimed(tmp_path):
    """Those of the test set have no annotations, those of natural language queries no labels."""
    content = deepcopy(EGO4D_MQ)
    clips = content['videos'][0]['clips']
    path = tmp_path / 'a.json'
    for value, says in ((None, PERHAPS), ([{'language_queries': [{'query': 'x'}]}], NO)):
        clips[0]['annotations'] = value
        path.write_text(json.dumps(content))
        assert ego4d_mq.matches(Source(path)) == says
