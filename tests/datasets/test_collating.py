"""A batch is made of packed videos alike in the training's process and in a worker."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from torch.utils.data import DataLoader

from mmdel.datasets import collate_videos
from mmdel.structures import EventDataSample, StreamBatch
from mmdel.utils.errors import UserInputError

LENGTHS = [5, 9, 1, 9]


def video(length):
    sample = EventDataSample(metainfo=dict(video_id=str(length)))
    sample.gt_instances = InstanceData(segments=np.full((length % 3, 2), length, np.float32))
    inputs = {'visual': torch.full((length, 3), float(length)).half(), 'audio': torch.arange(2.0 * length).view(-1, 2)}
    return dict(inputs=inputs, data_samples=sample)


@pytest.mark.parametrize('num_workers', [0, 1])
def test_a_batch_is_its_videos_padded_with_zeros_in_their_own_format(num_workers):
    videos = [video(length) for length in LENGTHS]
    (batch,) = DataLoader(videos, batch_size=4, num_workers=num_workers, collate_fn=collate_videos)
    streams, mask = batch['inputs']
    assert isinstance(batch['inputs'], StreamBatch) and mask.sum(1).tolist() == LENGTHS
    assert torch.equal(mask, torch.arange(9) < torch.tensor(LENGTHS)[:, None])
    for name, x in streams.items():
        assert x.shape[:2] == (4, 9) and x.dtype == videos[0]['inputs'][name].dtype and not x[~mask].any()
        assert x.is_shared() == bool(num_workers)
        for row, item, length in zip(x, videos, LENGTHS, strict=True):
            assert torch.equal(row[:length], item['inputs'][name])
    for sample, item in zip(batch['data_samples'], videos, strict=True):
        np.testing.assert_array_equal(sample.gt_instances.segments, item['data_samples'].gt_instances.segments)


def test_streams_of_unequal_length_are_an_error():
    broken = video(5)
    broken['inputs']['audio'] = broken['inputs']['audio'][:4]
    with pytest.raises(UserInputError, match=r"'visual': \[9, 5\], 'audio': \[9, 4\].* AlignStreams"):
        collate_videos([video(9), broken])
