import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmdel.models import EventDataPreprocessor
from mmdel.registry import MODELS
from mmdel.structures import EventDataSample


def packed(num_steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = {
        'visual': torch.randn(num_steps, 3, generator=generator),
        'audio': torch.randn(num_steps, 2, generator=generator),
    }
    return {'inputs': inputs, 'data_samples': EventDataSample(metainfo={'num_steps': num_steps})}


def test_a_batch_is_its_videos_padded():
    lengths = [5, 9, 1]
    items = [packed(length, seed) for seed, length in enumerate(lengths)]
    batch = EventDataPreprocessor()(pseudo_collate(items))
    assert batch['inputs'].keys() == {'visual', 'audio', 'mask'}
    assert batch['inputs']['mask'].dtype == torch.bool and batch['inputs']['mask'].shape == (3, 9)
    for index, (item, length) in enumerate(zip(items, lengths, strict=True)):
        single = EventDataPreprocessor()(pseudo_collate([item]))['inputs']
        for name in ('visual', 'audio'):
            assert batch['inputs'][name].shape[:2] == (3, 9)
            assert torch.equal(batch['inputs'][name][index, :length], item['inputs'][name])
            assert torch.equal(single[name][0], item['inputs'][name])
            assert not batch['inputs'][name][index, length:].any()
        assert batch['inputs']['mask'][index].tolist() == [True] * length + [False] * (9 - length)
        assert single['mask'].all()
    assert [sample.num_steps for sample in batch['data_samples']] == lengths


def test_min_len_pads_further_but_never_cuts():
    for min_len, expected in ((8, 8), (3, 5)):
        inputs = EventDataPreprocessor(min_len=min_len)(pseudo_collate([packed(5)]))['inputs']
        assert inputs['visual'].shape == (1, expected, 3)
        assert inputs['mask'].sum() == 5 and not inputs['visual'][0, 5:].any()


@pytest.mark.parametrize('training', [True, False])
def test_zero_streams_are_zero_and_the_others_and_the_data_untouched(training):
    item = packed(5)
    inputs = EventDataPreprocessor(zero_streams=['audio'])(pseudo_collate([item]), training)['inputs']
    assert not inputs['audio'].any() and inputs['audio'].shape == (1, 5, 2)
    assert torch.equal(inputs['visual'][0], item['inputs']['visual'])
    assert inputs['mask'].all()
    assert item['inputs']['audio'].any()


def test_unknown_zero_stream_is_an_error():
    with pytest.raises(ValueError, match=r"zero_streams names \['sound'\]; the streams are \['audio', 'visual'\]"):
        EventDataPreprocessor(zero_streams='sound')(pseudo_collate([packed(5)]))


def test_streams_of_unequal_length_are_an_error():
    item = packed(5)
    item['inputs']['audio'] = item['inputs']['audio'][:4]
    with pytest.raises(ValueError, match='AlignStreams'):
        EventDataPreprocessor()(pseudo_collate([item]))


def test_everything_goes_to_the_device():
    preprocessor = MODELS.build({'type': 'mmdel.EventDataPreprocessor'}).to('meta')
    batch = preprocessor(pseudo_collate([packed(5), packed(3)]))
    assert {x.device.type for x in batch['inputs'].values()} == {'meta'}
