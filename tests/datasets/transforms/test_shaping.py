import pytest

from mmdel.datasets.transforms import AlignStreams, LoadFeatures, RandomTemporalCrop, ResizeStreams
from mmdel.datasets.transforms.shaping import Shaping
from mmdel.structures import FeatureGrid

GRID = FeatureGrid(4, 16, 25)


@pytest.mark.parametrize('built', [False, True])
def test_a_pipeline_tells_its_steps_that_bear_on_time(built):
    configs = [
        dict(type='mmdel.LoadFeatures'),
        dict(type='mmdel.AlignStreams', reference='audio', max_extent_ratio=3.0),
        dict(type=ResizeStreams, length=100),
        dict(type='mmdel.RandomTemporalCrop', max_len=64),
        dict(type='elsewhere.Unknown'),
    ]
    steps = [
        LoadFeatures(),
        AlignStreams('audio', max_extent_ratio=3.0),
        ResizeStreams(100),
        RandomTemporalCrop(64),
        len,
    ]
    shaping = Shaping.of(steps if built else configs)
    assert (shaping.align.max_extent_ratio, shaping.crop.max_len) == (3.0, 64)
    assert [shaping.reference(names) for names in (['visual', 'audio'], ['visual'])] == ['audio', 'visual']
    assert shaping(GRID, 30) == (GRID.resized(30, 100), 100)


def test_an_empty_pipeline_leaves_time_as_it_is():
    assert Shaping.of([]) == Shaping()
    assert Shaping()(GRID, 30) == (GRID, 30) and Shaping().reference(['visual', 'audio']) == 'visual'
