import numpy as np
import pytest
import torch

from mmdel.datasets.transforms import AlignStreams, PackEvents, RandomTemporalCrop
from mmdel.structures import FeatureGrid

GRID = FeatureGrid(1, 1, 1)


def loaded(num_steps=20):
    return {
        'video_id': 'vid',
        'duration_sec': 20.0,
        'features': {'visual': np.ones((num_steps, 3), np.float32), 'audio': np.ones((num_steps, 2), np.float32)},
        'grids': {'visual': GRID, 'audio': GRID},
        'segments_sec': np.array([[1.0, 3.0], [5.0, 9.0], [4.0, 18.0]]),
        'labels': np.array([2, -1, 0]),
        'ignored': np.array([False, True, False]),
    }


@pytest.mark.parametrize('seed', range(8))
def test_the_truth_to_learn_is_cropped_the_truth_to_evaluate_is_not(seed):
    np.random.seed(seed)
    packed = PackEvents()(RandomTemporalCrop(8)(AlignStreams()(loaded())))
    sample = packed['data_samples']
    assert {name: (x.dtype, tuple(x.shape)) for name, x in packed['inputs'].items()} == {
        'visual': (torch.float32, (8, 3)),
        'audio': (torch.float32, (8, 2)),
    }
    assert (sample.video_id, sample.duration_sec, sample.num_steps) == ('vid', 20.0, 8)
    assert sample.grid == GRID.shift(sample.grid.start_frames)
    start = sample.grid.start_frames
    inside = [(max(4.5 - start, -0.5 if start else 4.5), min(8.5 - start, 7.5))] if start < 8.5 else []
    np.testing.assert_allclose(sample.ignored_instances.segments, np.reshape(inside, (-1, 2)))
    truth, whole = sample.gt_instances, sample.eval_instances
    assert truth.segments.dtype == np.float32 and truth.labels.dtype == np.int64
    assert len(truth) == len(truth.labels) >= 1 and -1 not in truth.labels
    np.testing.assert_array_equal(whole.segments_sec, loaded()['segments_sec'])
    assert whole.segments_sec.dtype == np.float64
    assert whole.labels.tolist() == [2, -1, 0]
    assert whole.ignored.tolist() == [False, True, False]


def test_features_stay_as_they_are_stored():
    stored = {name: x.astype(np.float16) for name, x in loaded()['features'].items()}
    packed = PackEvents()(AlignStreams()(loaded() | {'features': stored}))
    assert {x.dtype for x in packed['inputs'].values()} == {torch.float16}


def test_a_video_without_events_packs():
    results = loaded() | {'segments_sec': np.zeros((0, 2)), 'labels': np.zeros(0, int), 'ignored': np.zeros(0, bool)}
    sample = PackEvents()(AlignStreams()(results))['data_samples']
    assert sample.gt_instances.segments.shape == (0, 2)
    assert sample.gt_instances.labels.shape == (0,)
    assert sample.eval_instances.segments_sec.shape == (0, 2)


def test_scores_of_the_video_are_packed_where_there_are_any():
    scores = np.float32([0.25, 0.5])
    assert 'video_scores' not in PackEvents()(AlignStreams()(loaded()))['data_samples']
    packed = PackEvents()({**AlignStreams()(loaded()), 'video_scores': scores})
    assert packed['data_samples'].video_scores.tolist() == [0.25, 0.5]


def test_proposals_are_packed_where_there_are_any():
    assert 'proposals' not in PackEvents()(AlignStreams()(loaded()))['data_samples']
    proposals = dict(proposals_sec=np.float32([[1, 2], [3, 5]]), proposal_scores=np.float32([0.5, 0.25]))
    packed = PackEvents()({**AlignStreams()(loaded()), **proposals})
    assert packed['data_samples'].proposals.segments_sec.tolist() == [[1, 2], [3, 5]]
    assert packed['data_samples'].proposals.scores.tolist() == [0.5, 0.25]
