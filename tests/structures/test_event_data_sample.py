import pickle

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmdel.models.data_preprocessor import EventDataPreprocessor
from mmdel.structures import EventDataSample, FeatureGrid


@pytest.fixture
def sample():
    grid = FeatureGrid(stride=8, window=24, fps=25)
    sample = EventDataSample(metainfo=dict(video_id='a_1', duration_sec=40.0, num_steps=7, grid=grid))
    sample.gt_instances = InstanceData(segments=torch.tensor([[0.5, 4.0]]), labels=torch.tensor([2]))
    sample.eval_instances = InstanceData(
        segments_sec=np.array([[0.7, 1.8]]), labels=np.array([2]), ignored=np.array([False])
    )
    return sample


def assert_same(a, b):
    assert (a.video_id, a.duration_sec, a.num_steps, a.grid) == (b.video_id, b.duration_sec, b.num_steps, b.grid)
    assert torch.equal(a.gt_instances.segments, b.gt_instances.segments)
    assert torch.equal(a.gt_instances.labels, b.gt_instances.labels)
    np.testing.assert_array_equal(a.eval_instances.segments_sec, b.eval_instances.segments_sec)
    assert a.eval_instances.segments_sec.dtype == b.eval_instances.segments_sec.dtype


def test_a_worker_process_hands_it_over_whole(sample):
    assert_same(pickle.loads(pickle.dumps(sample)), sample)


def test_numpy_truth_survives_the_way_to_a_device_and_back(sample):
    assert_same(sample.to('cpu').cpu().detach(), sample)


def test_the_preprocessor_keeps_it(sample):
    features = [torch.rand(7, 3)]
    batch = EventDataPreprocessor()(dict(inputs=dict(visual=features), data_samples=[sample]))
    assert_same(batch['data_samples'][0], sample)


def test_predictions_for_a_clone_leave_the_sample_alone(sample):
    sample.clone().pred_instances = InstanceData(scores=torch.ones(1))
    assert 'pred_instances' not in sample
