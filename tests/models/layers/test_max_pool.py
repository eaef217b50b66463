import torch

from mmdel.models.layers import MaxPoolBlock, masked_max_pool


def test_max_pool_leaves_out_what_is_invalid():
    x = -torch.tensor([[[5.0, 3.0, 4.0, 2.0, 1.0]]])
    mask = torch.tensor([[True, True, True, False, False]])
    pooled, out_mask = masked_max_pool(x, mask, 2)
    assert pooled.tolist() == [[[-3.0, -3.0, 0.0]]]
    assert out_mask.tolist() == [[True, True, False]]
    assert torch.equal(MaxPoolBlock(1, stride=2)(x, mask)[0], pooled)
    assert masked_max_pool(x, mask, 1)[0].tolist() == [[[-5.0, -3.0, -4.0, 0.0, 0.0]]]
