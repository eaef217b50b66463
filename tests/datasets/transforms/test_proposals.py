import json

import numpy as np
import pytest

from mmdel.datasets.transforms import LoadProposals
from mmdel.utils.errors import UserInputError


@pytest.fixture
def write_proposals(tmp_path):
    def write(content) -> str:
        path = tmp_path / 'proposals.json'
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def proposal(start, end, score, label='event'):
    return dict(segment=[start, end], score=score, label=label)


CONTENT = dict(
    results=dict(
        vid=[proposal(1, 2, 0.3), proposal(0, 9, 0.8), proposal(1, 2, 0.5, 'bark'), proposal(3, 4, 0.4)], silent=[]
    )
)


def load(path, video_id='vid', **kwargs):
    return LoadProposals(path, **kwargs)(dict(video_id=video_id, duration_sec=20.0))


def test_the_best_first_and_every_segment_once(write_proposals):
    results = load(write_proposals(CONTENT))
    np.testing.assert_array_equal(results['proposals_sec'], np.float32([[0, 9], [1, 2], [3, 4]]))
    np.testing.assert_array_equal(results['proposal_scores'], np.float32([0.8, 0.5, 0.4]))
    assert results['proposals_sec'].dtype == results['proposal_scores'].dtype == np.float32
    best = load(write_proposals(CONTENT), max_num=2)
    np.testing.assert_array_equal(best['proposal_scores'], np.float32([0.8, 0.5]))
    other_form = write_proposals({'results': {'cafe\u0301': [proposal(1, 2, 0.3)]}})
    assert load(other_form, 'caf\xe9')['proposals_sec'].tolist() == [[1, 2]]
    whole = load(write_proposals(CONTENT), 'silent')  # an empty list becomes the whole video
    assert (whole['proposals_sec'].tolist(), whole['proposal_scores'].tolist()) == ([[0, 20]], [0])


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{', 'is not JSON'),
        ([], "a mapping 'results'"),
        (dict(results=[]), "a mapping 'results'"),
        (dict(results=dict(other=[])), 'no proposals of the video vid'),
        (dict(results=dict(vid=[dict(segment=[1, 2])])), 'video vid: a proposal needs'),
        (dict(results=dict(vid=[dict(segment=[1], score=1)])), 'video vid: a proposal needs'),
    ],
)
def test_a_wrong_file_is_told(content, message, write_proposals):
    with pytest.raises(UserInputError, match=message):
        load(write_proposals(content))


def test_a_missing_file_and_a_wrong_number_are_told(tmp_path):
    with pytest.raises(UserInputError, match='Cannot read'):
        load(str(tmp_path / 'nowhere.json'))
    with pytest.raises(ValueError, match='max_num'):
        LoadProposals('x.json', max_num=0)
