"""ActionFormer's and UnAV's embedding and transformer block as their formulas say, one step and head at a time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from mmdel.models.layers import ConvEmbedding, ConvTransformerBlock


def norm(module: torch.nn.LayerNorm, x: Tensor) -> Tensor:
    return layer_norm(x, (len(x),), module.weight, module.bias)


def project(projection: torch.nn.Module, steps: list[Tensor], centre: int) -> Tensor:
    """What step ``centre`` of a list of steps (C,) becomes: three taps of a channel, norm, linear map."""
    taps = [(tap, centre + tap - 1) for tap in range(3) if 0 <= centre + tap - 1 < len(steps)]
    y = sum(projection.conv.weight[:, 0, tap] * steps[index] for tap, index in taps)
    return projection.linear.weight @ norm(projection.norm, y) + projection.linear.bias


def one_by_one(block: ConvTransformerBlock, x: list[Tensor], other: list[Tensor]) -> Tensor:
    """The valid steps (C,) of one video, and of the stream that the queries come from → the block's output (C, T')."""
    attention = block.attention
    size = len(x[0]) // attention.num_heads
    normed = [norm(block.norm_attention, step) for step in x]
    query_norm = block.norm_attention if block.norm_query is None else block.norm_query
    queries = [norm(query_norm, step) for step in other]
    centres = range(0, len(x), block.stride)
    k = [project(attention.key, normed, t) for t in centres]
    v = [project(attention.value, normed, t) for t in centres]
    out = []
    for i, t in enumerate(centres):
        q = project(attention.query, queries, t)
        near = [j for j in range(len(k)) if attention.window is None or abs(i - j) <= attention.window // 2]
        heads = []
        for head in range(attention.num_heads):
            part = slice(head * size, (head + 1) * size)
            seen = near
            if attention.causal_heads:
                seen = [j for j in near if (j <= i if head < attention.num_heads / 2 else j >= i)]
            weights = torch.stack([q[part] @ k[j][part] / size**0.5 for j in seen]).softmax(0)
            heads.append(sum(w * v[j][part] for w, j in zip(weights, seen, strict=True)))
        y = attention.out.weight @ torch.cat(heads) + attention.out.bias
        skip = x[t] if block.stride == 1 else torch.stack(x[max(0, t - 1) : t + 2]).amax(0)
        z = skip + block.scale_attention.weight * y
        hidden = gelu(block.mlp[0].weight @ norm(block.norm_mlp, z) + block.mlp[0].bias)
        out.append(z + block.scale_mlp.weight * (block.mlp[3].weight @ hidden + block.mlp[3].bias))
    return torch.stack(out, dim=1)


def embed(embedding: ConvEmbedding, x: list[Tensor]) -> list[Tensor]:
    """Valid steps (C_in,) of a video → steps (D,): convolutions, norms and ReLUs, one step at a time."""
    for conv, module in zip(embedding.convs, embedding.norms, strict=True):
        out = []
        for t in range(len(x)):
            taps = [(tap, t + tap - 1) for tap in range(3) if 0 <= t + tap - 1 < len(x)]
            out.append(norm(module, sum(conv.weight[:, :, tap] @ x[index] for tap, index in taps)).clamp(min=0))
        x = out
    return x
