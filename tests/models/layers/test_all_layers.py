"""What every layer that reads its steps under a mask promises, over all forms of all of them."""

import pytest
import torch
from ragged import ragged_batch, ragged_mask, stir
from torch import nn

from mmdel.models.layers import (
    ConvTransformerBlock,
    EventAlignedBlock,
    SGPBlock,
    TransformerBlock,
)

DIMS = 16


class Alone(nn.Module):
    """(B, T, C), (B, T) → (B, T, C): a layer that has this form."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, mask):
        return self.layer(x, mask)


class OfChannels(Alone):
    """The layer reads (B, C, T) and gives a mask, too."""

    def forward(self, x, mask):
        return self.layer(x.transpose(1, 2), mask)[0].transpose(1, 2)


class Aligned(Alone):
    """The layer reads two streams, or one, with a [CLS] token, whose output is added to every step."""

    num_streams = 2

    def forward(self, x, mask):
        tokens = torch.stack([x, x.flip(2)][: self.num_streams], dim=1)
        y = self.layer(nn.functional.pad(tokens, (0, 0, 1, 0), value=1.0), mask)
        return (y[:, :, 1:] + y[:, :, :1]).transpose(1, 2).flatten(2)


class AlignedAlone(Aligned):
    num_streams = 1


LAYERS = {
    'attention': (Alone, TransformerBlock, dict(num_heads=2), 'window'),
    'attention, causal': (Alone, TransformerBlock, dict(num_heads=2, causal_heads=True), 'window'),
    'convolutional': (OfChannels, ConvTransformerBlock, dict(num_heads=2), 'window'),
    'convolutional, strided': (OfChannels, ConvTransformerBlock, dict(num_heads=2, stride=2), 'window'),
    'convolutional, causal': (OfChannels, ConvTransformerBlock, dict(num_heads=2, causal_heads=True), 'window'),
    'sgp': (OfChannels, SGPBlock, dict(kernel_size=3, k=1.5, drop_path=0.0), None),
    'sgp, strided, no scales': (OfChannels, SGPBlock, dict(kernel_size=3, k=1.5, stride=2), None),
}
for kind in ('learned', 'temporal', 'none'):
    options = dict(num_heads=2, mask=kind, window_cross=2, event_dims=4)
    LAYERS[f'aligned, {kind}'] = (Aligned, EventAlignedBlock, dict(options, num_streams=2), 'window_intra')
    LAYERS[f'one stream, {kind}'] = (AlignedAlone, EventAlignedBlock, dict(options, num_streams=1), 'window_intra')
FORMS = [(name, window) for name in LAYERS for window in (None, 5) if window is None or LAYERS[name][3]]
LINEAR = [name for name in LAYERS if LAYERS[name][3] and 'none' not in name]  # without a mask, all see all
all_forms = pytest.mark.parametrize(('name', 'window'), FORMS)


def build(name, window=None, dims=DIMS, **changes):
    torch.manual_seed(0)
    form, layer, options, window_name = LAYERS[name]
    options = {**options, **({window_name: window} if window_name else {}), **changes}
    return form(layer(dims, **options))


def batch(lengths, total=None, dtype=torch.float32, noise=1e3):
    inputs = ragged_batch(dict(x=DIMS), lengths, total, noise, dtype)
    return inputs.streams['x'], inputs.mask


@all_forms
def test_padding_and_the_rest_of_the_batch_never_change_a_valid_step(name, window):
    layer, lengths = stir(build(name, window)).eval(), [20, 1, 8]
    x, mask = batch(lengths, 43, torch.float64)
    y = layer(x, mask)
    for video, length in enumerate(lengths):
        alone = layer(x[video : video + 1, :length], mask[video : video + 1, :length])
        tolerance = dict(atol=1e-4, rtol=1e-4) if 'sgp' in name else {}  # its group norm counts in float32
        torch.testing.assert_close(y[video, : alone.shape[1]], alone[0], **tolerance)


@all_forms
@pytest.mark.parametrize('autocast', [False, True])
def test_a_video_without_a_valid_step_is_finite_forward_and_backward(name, window, autocast, device):
    layer = build(name, window)
    x, mask = batch([0, 3], 40, noise=1.0)
    x.requires_grad_()
    with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
        y = layer(x, mask)
    y.float().square().sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()
    assert all(param.grad.isfinite().all() for param in layer.parameters())


@all_forms
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_stays_near_float32(name, window, dtype):
    layer = stir(build(name, window)).float().eval()
    x, mask = batch([30, 11], noise=1.0)
    expected = layer(x, mask)
    actual = layer.to(dtype)(x.to(dtype), mask)
    valid = mask[:, :: 30 // expected.shape[1]]
    assert actual.dtype == dtype
    torch.testing.assert_close(actual.float()[valid], expected[valid], atol=0.2, rtol=0.1)


@pytest.mark.parametrize('name', LINEAR)
def test_memory_in_a_window_grows_linearly(name, assert_linear_memory):
    layer = build(name, 9, num_heads=2)
    assert_linear_memory(lambda t: layer(torch.randn(1, t, DIMS), ragged_mask([t])), 2800)


@pytest.mark.parametrize('name', ['attention', 'convolutional'])
def test_drop_path_leaves_out_branches_of_whole_videos_in_training(name):
    layer, (x, mask) = stir(build(name, drop_path=0.9)), batch([4] * 64, dtype=torch.float64)
    untouched = (layer(x, mask) == x).flatten(1)
    assert 32 < untouched.all(1).sum() < 64  # about 0.81 of the videos skip both branches
    assert torch.equal(untouched.any(1), untouched.all(1))
    assert not (layer.eval()(x, mask) == x).flatten(1).all(1).any()


@pytest.mark.parametrize('name', [name for name in LAYERS if LAYERS[name][3]])
def test_windows_that_are_not_odd_are_refused(name):
    with pytest.raises(ValueError, match='positive odd number of steps or None, got 4'):
        build(name, 4)


@pytest.mark.parametrize('name', ['attention', 'convolutional'])
def test_heads_that_do_not_divide_the_channels_are_refused(name):
    with pytest.raises(ValueError, match='num_heads must divide dims, got 3 heads and 16 dims'):
        build(name, num_heads=3)
