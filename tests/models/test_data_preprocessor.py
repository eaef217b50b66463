import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from mmdel.datasets import collate_videos
from mmdel.models import EventDataPreprocessor
from mmdel.registry import MODELS
from mmdel.structures import EventDataSample, StreamBatch
from mmdel.utils.errors import UserInputError


def packed(num_steps):
    inputs = {'visual': torch.randn(num_steps, 3), 'audio': torch.randn(num_steps, 2)}
    return {'inputs': inputs, 'data_samples': EventDataSample(metainfo={'num_steps': num_steps})}


@pytest.fixture
def preprocess(device):
    """A function: arguments of the preprocessor, and videos → the batch."""

    def run(*items, training=False, **kwargs):
        model = MODELS.build(dict(type='mmdel.EventDataPreprocessor', **kwargs)).to(device)
        return model(pseudo_collate(list(items)), training)

    return run


def test_a_batch_is_its_videos_padded(preprocess):
    lengths = [5, 9, 1]
    items = [packed(length) for length in lengths]
    batch = preprocess(*items)
    inputs = batch['inputs']
    assert isinstance(inputs, StreamBatch) and inputs.streams.keys() == {'visual', 'audio'}
    assert inputs.mask.dtype == torch.bool and inputs.mask.shape == (3, 9)
    for index, (item, length) in enumerate(zip(items, lengths, strict=True)):
        single = preprocess(item)['inputs']
        for name, padded in inputs.streams.items():
            assert padded.shape[:2] == (3, 9)
            assert torch.equal(padded[index, :length], item['inputs'][name])
            assert torch.equal(single.streams[name][0], item['inputs'][name])
            assert not padded[index, length:].any()
        assert inputs.mask[index].tolist() == [True] * length + [False] * (9 - length)
        assert single.mask.all()
    assert [sample.num_steps for sample in batch['data_samples']] == lengths


def test_what_was_collated_in_a_worker_becomes_the_same_batch_in_float32_with_tensors(device):
    def items():
        torch.manual_seed(0)
        for length in (5, 9, 1):
            item = packed(length)
            item['inputs']['visual'] = item['inputs']['visual'].half()
            sample = item['data_samples']
            segments, labels = np.full((length % 3, 2), length, np.float32), np.full(length % 3, length)
            sample.gt_instances = InstanceData(segments=segments, labels=labels)
            sample.eval_instances = InstanceData(segments_sec=segments)
            sample.video_scores = np.float32([length, 0.5])
            yield item

    model = MODELS.build(dict(type='mmdel.EventDataPreprocessor', min_len=10)).to(device)
    collated, listed = model(collate_videos(list(items()))), model(pseudo_collate(list(items())))
    for batch in (collated, listed):
        assert {x.dtype for x in batch['inputs'].streams.values()} == {torch.float32}
        for name, x in batch['inputs'].streams.items():
            assert x.shape[:2] == (3, 10) and torch.equal(x, listed['inputs'].streams[name])
        assert torch.equal(batch['inputs'].mask, listed['inputs'].mask)
        for sample, length in zip(batch['data_samples'], (5, 9, 1), strict=True):
            truth = sample.gt_instances
            assert truth.segments.tolist() == [[length] * 2] * (length % 3) and truth.segments.dtype == torch.float32
            assert truth.labels.tolist() == [length] * (length % 3) and truth.labels.dtype == torch.int64
            assert {x.device.type for x in (*truth.values(), sample.video_scores)} == {torch.device(device).type}
            assert sample.video_scores.tolist() == [length, 0.5]
            assert isinstance(sample.eval_instances.segments_sec, np.ndarray)


def test_min_len_pads_further_but_never_cuts(preprocess):
    for min_len, expected in ((8, 8), (3, 5)):
        inputs = preprocess(packed(5), min_len=min_len)['inputs']
        assert inputs.streams['visual'].shape == (1, expected, 3) and inputs.mask.shape == (1, expected)
        assert inputs.mask.sum() == 5 and not inputs.streams['visual'][0, 5:].any()


def test_a_batch_is_padded_to_a_round_length(preprocess):
    for length, least, divisor, expected in ((5, 1, 4, 8), (8, 1, 4, 8), (9, 1, 32, 32), (5, 9, 4, 12), (5, 1, 1, 5)):
        inputs = preprocess(packed(length), packed(2), min_len=least, pad_size_divisor=divisor)['inputs']
        assert inputs.streams['visual'].shape == (2, expected, 3)
        assert inputs.mask.shape == (2, expected) and inputs.mask.sum(1).tolist() == [length, 2]
        assert not inputs.streams['audio'][0, length:].any()
    with pytest.raises(ValueError, match='pad_size_divisor must be at least 1 step, got 0'):
        preprocess(packed(5), pad_size_divisor=0)


@pytest.mark.parametrize('training', [True, False])
def test_zero_streams_are_zero_and_the_others_and_the_data_untouched(training, preprocess):
    item = packed(5)
    inputs = preprocess(item, zero_streams=['audio'], training=training)['inputs']
    assert not inputs.streams['audio'].any() and inputs.streams['audio'].shape == (1, 5, 2)
    assert torch.equal(inputs.streams['visual'][0], item['inputs']['visual'])
    assert inputs.mask.all() and item['inputs']['audio'].any()


def test_unknown_zero_stream_is_an_error(preprocess):
    with pytest.raises(UserInputError, match=r"zero_streams names \['sound'\]; the streams are \['audio', 'visual'\]"):
        preprocess(packed(5), zero_streams='sound')


def test_streams_of_unequal_length_are_an_error(preprocess):
    item = packed(5)
    item['inputs']['audio'] = item['inputs']['audio'][:4]
    with pytest.raises(UserInputError, match='AlignStreams'):
        preprocess(item)


def test_everything_goes_to_the_device():
    batch = EventDataPreprocessor().to('meta')(pseudo_collate([packed(5), packed(3)]))
    assert {x.device.type for x in [*batch['inputs'].streams.values(), batch['inputs'].mask]} == {'meta'}
