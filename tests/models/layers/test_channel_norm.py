import torch

from mmdel.models.layers import ChannelLayerNorm


def test_each_step_is_normalised_over_its_channels():
    norm = ChannelLayerNorm(5)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2, 3, 4, 5]))
        norm.bias.copy_(torch.tensor([0.0, 1, 0, 1, 0]))
    x = torch.randn(2, 5, 3, generator=torch.manual_seed(0)) * 4 + 2
    y = norm(x)
    for b in range(2):
        for t in range(3):
            step = x[b, :, t]
            normed = (step - step.mean()) / (step.var(unbiased=False) + norm.eps).sqrt()
            torch.testing.assert_close(y[b, :, t], normed * norm.weight + norm.bias)


def test_a_step_has_no_influence_on_another():
    norm, x = ChannelLayerNorm(4), torch.randn(1, 4, 6, generator=torch.manual_seed(0))
    changed = x.clone()
    changed[..., 3] += torch.tensor([5.0, -1.0, 0.0, 2.0])
    same = (norm(changed) == norm(x)).all(1)[0]
    assert same.tolist() == [True, True, True, False, True, True]
