import json

import numpy as np
import pytest

from mmdel.datasets import EventDataset
from mmdel.datasets.transforms import LoadVideoScores
from mmdel.utils.errors import UserInputError


@pytest.fixture
def write_scores(tmp_path):
    def write(content) -> str:
        path = tmp_path / 'scores.json'
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


CONTENT = {'classes': ['b', 'c', 'a'], 'scores': {'vid': [0.2, 0.3, 0.1]}}


def test_scores_come_in_the_order_of_the_data_set(write_scores):
    load = LoadVideoScores(write_scores(CONTENT))
    results = load({'video_id': 'vid', 'classes': ('a', 'b')})
    np.testing.assert_array_equal(results['video_scores'], np.float32([0.1, 0.2]))
    load = LoadVideoScores(write_scores({'classes': ['cafe\u0301 ', 3], 'scores': {'cafe\u0301': [0.2, 0.3]}}))
    results = load({'video_id': 'caf\xe9', 'classes': ('3', 'caf\xe9')})
    np.testing.assert_array_equal(results['video_scores'], np.float32([0.3, 0.2]))


def test_the_data_set_says_its_classes(write_scores, write_annotations, write_features):
    event = {'segment': [1, 2], 'label': 'c', 'label_id': 1}
    other = {'segment': [3, 4], 'label': 'a', 'label_id': 0}
    database = {'vid': {'subset': 'val', 'duration': 20, 'fps': 1, 'annotations': [event, other]}}
    dataset = EventDataset(
        write_annotations(database),
        {'visual': write_features(database)},
        'val',
        pipeline=[dict(type='mmdel.LoadVideoScores', score_file=write_scores(CONTENT))],
    )
    np.testing.assert_array_equal(dataset[0]['video_scores'], np.float32([0.1, 0.3]))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{', 'is not JSON'),
        ([1], "'classes' and 'scores'"),
        ({'scores': {}}, "'classes' and 'scores'"),
        ({'classes': ['a'], 'scores': {'vid': [0.1]}}, "1 classes, e.g. 'b'"),
        ({'classes': ['a', 'b'], 'scores': {'other': [0.1, 0.2]}}, 'no scores of the video vid'),
        ({'classes': ['a', 'b'], 'scores': {'vid': [0.1]}}, 'video vid: expected 2'),
        ({'classes': ['a', 'b'], 'scores': {'vid': [0.1, -0.2]}}, 'expected 2 scores >= 0'),
    ],
)
def test_a_wrong_file_is_told(content, message, write_scores):
    with pytest.raises(UserInputError, match=message):
        LoadVideoScores(write_scores(content))({'video_id': 'vid', 'classes': ('a', 'b')})


def test_a_missing_file_is_told_before_the_first_video(tmp_path):
    with pytest.raises(UserInputError, match=r'none\.json'):
        LoadVideoScores(str(tmp_path / 'none.json'))
