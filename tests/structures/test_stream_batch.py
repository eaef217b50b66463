import pytest
import torch

from mmdel.structures import StreamBatch


def test_streams_are_concatenated_in_the_order_that_is_asked_for():
    streams = {name: torch.full((2, 3, width), value) for name, width, value in [('a', 1, 1.0), ('b', 2, 2.0)]}
    batch = StreamBatch(streams, torch.ones(2, 3, dtype=torch.bool))
    assert batch.concat(['a', 'b'])[1, 2].tolist() == [1, 2, 2]
    assert batch.concat(('b', 'a'))[0, 0].tolist() == [2, 2, 1]
    assert torch.equal(batch.concat(['b']), streams['b'])
    with pytest.raises(KeyError, match='c'):
        batch.concat(['a', 'c'])
