import pytest
import torch

from mmdel.models.heads import OffsetRegressor

LENGTHS = [16, 8, 4]


def pyramid(channels=6, fill=torch.randn):
    feats = tuple(fill(2, channels, length) for length in LENGTHS)
    return feats, tuple(torch.ones(2, length, dtype=torch.bool) for length in LENGTHS)


@pytest.mark.parametrize('class_aware, num_regressions', [(True, 5), (False, 1)])
def test_offsets_start_around_one_stride_where_the_relu_lets_every_class_learn(class_aware, num_regressions):
    regressor = OffsetRegressor(6, 8, 5, 3, class_aware)
    assert regressor.num_regressions == num_regressions
    offsets = regressor(*pyramid(fill=torch.zeros))
    torch.testing.assert_close(offsets, torch.ones(2, 28, num_regressions, 2))
    offsets.sum().backward()
    assert (regressor.tower.last.bias.grad > 0).all()


def test_each_level_has_its_scale_and_no_offset_is_negative():
    torch.manual_seed(0)
    regressor = OffsetRegressor(6, 8, 5, 3, class_aware=True)
    torch.nn.init.zeros_(regressor.tower.last.bias)
    feats, masks = pyramid()
    before = regressor(feats, masks)
    assert (before >= 0).all() and (before > 0).any() and (before == 0).any()
    with torch.no_grad():
        regressor.tower.scales.copy_(torch.tensor([2.0, 0.5, 3.0]))
    after = regressor(feats, masks)
    for scale, a, b in zip((2.0, 0.5, 3.0), before.split(LENGTHS, 1), after.split(LENGTHS, 1), strict=True):
        torch.testing.assert_close(b, scale * a)
