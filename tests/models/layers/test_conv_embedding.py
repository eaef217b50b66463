import torch
import torch.nn.functional as F
from ragged import ragged_mask, stir

from mmdel.models.layers import ConvEmbedding


def test_embedding_is_convolution_norm_and_relu_of_each_video_alone():
    lengths = [9, 1, 4]
    mask = ragged_mask(lengths, 12)
    x = torch.randn(3, 5, 12, dtype=torch.float64)
    for num_convs in (1, 2, 3):
        embedding = stir(ConvEmbedding(5, 8, num_convs))
        y = embedding(x, mask)
        assert y.shape == (3, embedding.out_channels, 12) == (3, 8, 12) and not y.transpose(1, 2)[~mask].any()
        for video, length in enumerate(lengths):
            alone = x[video, :, :length]
            for conv, norm in zip(embedding.convs, embedding.norms, strict=True):
                alone = F.conv1d(alone[None], conv.weight, padding=1)[0]
                alone = F.layer_norm(alone.T, (8,), norm.weight, norm.bias).T.clamp(min=0)
            torch.testing.assert_close(y[video, :, :length], alone)
