import torch

from mmdel.models.necks import IdentityNeck


def test_streams_lie_side_by_side_in_their_order():
    feats = {name: tuple(torch.randn(2, 3, t) for t in (8, 4, 2)) for name in ('visual', 'audio')}
    masks = tuple(torch.ones(2, t, dtype=torch.bool) for t in (8, 4, 2))
    levels, out_masks = IdentityNeck()(feats, masks)
    assert out_masks is masks
    for level, visual, audio in zip(levels, feats['visual'], feats['audio'], strict=True):
        assert torch.equal(level[:, :3], visual) and torch.equal(level[:, 3:], audio)


def test_a_single_stream_passes_unchanged():
    feats = (torch.randn(1, 3, 4), torch.randn(1, 3, 2))
    masks = tuple(torch.ones(1, t, dtype=torch.bool) for t in (4, 2))
    levels, _ = IdentityNeck()(dict(audio=feats), masks)
    assert all(torch.equal(a, b) for a, b in zip(levels, feats, strict=True))


def test_with_a_norm_every_level_is_normalised_by_its_own():
    torch.manual_seed(0)
    feats = {name: tuple(torch.randn(2, 3, t) for t in (8, 4)) for name in ('visual', 'audio')}
    masks = tuple(torch.arange(t) < torch.tensor([[t], [t // 2]]) for t in (8, 4))
    neck = IdentityNeck(in_channels=6, num_levels=2)
    for parameter in neck.parameters():
        parameter.data += torch.randn_like(parameter)
    levels, out_masks = neck(feats, masks)
    assert out_masks is masks
    for level, mask, norm, *streams in zip(levels, masks, neck.norms, *feats.values(), strict=True):
        x = torch.cat(streams, dim=1)
        normed = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
        expected = normed * norm.weight[:, None] + norm.bias[:, None]
        torch.testing.assert_close(level, expected * mask[:, None], atol=1e-5, rtol=1e-4)


def test_with_groups_every_level_is_normalised_over_its_valid_steps():
    torch.manual_seed(0)
    feats = {name: tuple(torch.randn(2, 4, t) for t in (8, 4)) for name in ('visual', 'audio')}
    lengths = ((8, 5), (4, 3))
    masks = tuple(torch.arange(t) < torch.tensor(level)[:, None] for t, level in zip((8, 4), lengths, strict=True))
    levels, _ = IdentityNeck(in_channels=8, num_levels=2, num_groups=2)(feats, masks)
    for level, sizes, *streams in zip(levels, lengths, *feats.values(), strict=True):
        x = torch.cat(streams, dim=1)
        for video, size in enumerate(sizes):
            for group in (slice(0, 4), slice(4, 8)):
                part = x[video, group, :size]
                expected = (part - part.mean()) / (part.var(unbiased=False) + 1e-5).sqrt()
                torch.testing.assert_close(level[video, group, :size], expected)
            assert not level[video, :, size:].any()


def test_only_the_layer_norms_have_parameters():
    assert not list(IdentityNeck().parameters())
    assert not list(IdentityNeck(in_channels=512, num_groups=4).parameters())
    assert sum(p.numel() for p in IdentityNeck(in_channels=512).parameters()) == 6 * 1024
