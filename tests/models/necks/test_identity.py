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
