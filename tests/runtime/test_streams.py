"""What the streams of a bundle are, and the paths of their extractors' files."""

from pathlib import Path

from mmdel.runtime.streams import BundleStreams
from mmdel.structures import FeatureGrid

ALIGN = dict(type='mmdel.AlignStreams', reference='b', mode='nearest')


def make(extractors, *more) -> BundleStreams:
    streams, stream = BundleStreams(), dict(stride=2, window=4, fps=8, channels=3)
    streams.streams = {name: dict(stream, extractors=extractors) for name in 'ab'}
    streams.grid, streams.files = (ALIGN, *more), {'net.onnx': Path('/model/net.onnx')}
    return streams


def test_names_of_files_become_paths_at_any_depth_and_types_do_not():
    extractor = dict(type='net.onnx', weights='net.onnx', more=[dict(x='net.onnx'), 'other.onnx', 3])
    made = make([extractor]).extractors
    assert made.keys() == {'a', 'b'}
    assert made['a'] == [
        dict(type='net.onnx', weights='/model/net.onnx', more=[dict(x='/model/net.onnx'), 'other.onnx', 3])
    ]
    assert make([]).extractors == {}


def test_the_grid_is_that_of_the_reference_as_it_is_or_resized():
    streams = make([])
    assert (streams.reference, streams.mode, streams.resized_length) == ('b', 'nearest', None)
    assert streams.grids == dict.fromkeys('ab', FeatureGrid(2, 4, 8))
    assert make([], dict(type='mmdel.ResizeStreams', length=7)).resized_length == 7
