import torch
from torch import nn

from mmdel.models.layers import MaskedGroupNorm


def build(groups=3, dims=12):
    torch.manual_seed(0)
    norm = MaskedGroupNorm(groups, dims)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def test_without_padding_it_is_the_group_norm_of_pytorch():
    norm, x = build(), 3 + 2 * torch.randn(4, 12, 9)
    plain = nn.GroupNorm(3, 12)
    plain.load_state_dict(norm.state_dict())
    torch.testing.assert_close(norm(x, torch.ones(4, 9, dtype=torch.bool)), plain(x))


def test_it_may_have_no_parameters():
    norm, x = MaskedGroupNorm(3, 12, affine=False), torch.randn(4, 12, 9)
    torch.testing.assert_close(norm(x, torch.ones(4, 9, dtype=torch.bool)), nn.functional.group_norm(x, 3))


def test_padding_has_no_influence():
    norm, lengths = build(), [9, 1, 4]
    mask = torch.arange(9) < torch.tensor(lengths)[:, None]
    x = torch.where(mask[:, None], torch.randn(3, 12, 9), 1e3)
    y = norm(x, mask)
    for video, length in enumerate(lengths):
        alone = norm(x[video : video + 1, :, :length], mask[video : video + 1, :length])
        torch.testing.assert_close(y[video, :, :length], alone[0])


def test_a_video_without_a_valid_step_is_finite():
    assert build()(torch.randn(1, 12, 5), torch.zeros(1, 5, dtype=torch.bool)).isfinite().all()
