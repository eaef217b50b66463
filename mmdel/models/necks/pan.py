"""The path aggregation neck of DEL: on every level the streams read each other, then levels pass on what they hold.

After PANet (Liu et al. 2018, arXiv 1803.01534) and DEL (Ahmadian et al. 2025, arXiv 2506.23196).
Shapes: B videos, S streams (1 or 2), N = S · B rows, D channels, L levels of T_l steps; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import zero_biases
from mmdel.models.layers.attention import windowed_attention
from mmdel.models.layers.dropout import Dropout
from mmdel.models.layers.time_blocks import check_window, reach_of
from mmdel.registry import MODELS


class StreamAttention(nn.Module):
    """Pre-norm attention of a stream to the other, with a residual; it starts as the identity.

    Args:
        dims: Channels D.
        num_heads: Heads; must divide D.
        window: Odd number of steps of the other stream, centred on the query, that are read; None = all.
        dropout: Dropout of what is read.

    Raises:
        ValueError: If ``num_heads`` does not divide ``dims``, or ``window`` is not odd.
    """

    def __init__(self, dims: int, num_heads: int, window: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        if dims % num_heads:
            raise ValueError(f'num_heads must divide dims, got {num_heads} heads and {dims} dims')
        self.num_heads = num_heads
        self.window = check_window(window)
        self.norm = nn.LayerNorm(dims)
        self.qkv = nn.Linear(dims, 3 * dims)
        self.out = nn.Linear(dims, dims)
        self.dropout = Dropout(dropout)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, masks: tuple[Tensor, ...]) -> Tensor:
        """All levels of all streams (S, B, P, D), see :func:`join`, and the masks (B, T_l) → the same shape.

        One stream alone reads itself.
        """
        q, k, v = self.qkv(self.norm(x)).chunk(3, dim=-1)
        q, k, v = (item.flatten(0, 1) for item in (q, k.flip(0), v.flip(0)))
        num_streams = len(x)
        if self.window is None:
            sizes = [mask.shape[1] for mask in masks]
            levels = zip(q.split(sizes, dim=1), k.split(sizes, dim=1), v.split(sizes, dim=1), masks, strict=True)
            y = torch.cat([self._read(*level, num_streams) for level in levels], dim=1)
        else:  # between the levels lie enough invalid steps that no window holds two of them
            y = self._read(q, k, v, torch.cat([F.pad(mask, (0, self.gap)) for mask in masks], dim=1), num_streams)
        return x + self.dropout(self.out(y)).view_as(x)

    @property
    def gap(self) -> int:
        """Invalid steps that must lie behind each level."""
        return 0 if self.window is None else self.window // 2

    def _read(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, num_streams: int) -> Tensor:
        """(N, T, D) three times, (B, T) → (N, T, D)."""
        return windowed_attention(q, k, v, mask.repeat(num_streams, 1), self.num_heads, self.window)


class GatedFusion(nn.Module):
    r"""A level with what a neighbouring level adds: :math:`x + sigmoid(W_g [x; y]) \cdot W_v y`, starting as x.

    Both are normalised first. The gate weighs the neighbour's features at every step and channel.

    Args:
        dims: Channels D.
        dropout: Dropout of what is added.
    """

    def __init__(self, dims: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dims)
        self.norm_other = nn.LayerNorm(dims)
        self.own = nn.Linear(dims, dims, bias=False)  # W_g for x
        self.other = nn.Linear(dims, 2 * dims)  # W_g for y, and W_v behind it
        self.dropout = Dropout(dropout)
        nn.init.zeros_(self.other.weight[dims:])

    def forward(self, levels: list[Tensor], neighbours: Callable[[int, Tensor], Tensor]) -> list[Tensor]:
        """Levels (N, T_l, D), each but the first with what the one before it in the list adds, now itself fused.

        Args:
            levels: In the order of the path.
            neighbours: Brings a fused level, given the place of the next one, to the steps of that one.
        """
        if len(levels) == 1:
            return levels
        # What a level says itself is known of all levels before the path is gone.
        own_logits = self.own(self.norm(torch.cat(levels[1:], dim=1)))
        fused = levels[:1]
        sizes = [level.shape[1] for level in levels[1:]]
        for index, logits in enumerate(own_logits.split(sizes, dim=1), start=1):
            gate, value = self.other(self.norm_other(neighbours(index, fused[-1]))).chunk(2, dim=-1)
            fused.append(levels[index] + self.dropout((logits + gate).sigmoid() * value))
        return fused


def join(levels: Iterable[Tensor], gap: int) -> Tensor:
    """L levels (B, D, T_l) → (B, P + L·gap, D): one behind the other, ``gap`` zeros behind each."""
    return torch.cat([F.pad(level.transpose(1, 2), (0, 0, 0, gap)) for level in levels], dim=1)


def downsample(x: Tensor, mask: Tensor) -> Tensor:
    """(N, T, D), (N, T) → (N, ceil(T / 2), D): step t is the mean of the valid steps 2t − 1, 2t (twice) and 2t + 1.

    Centred on step 2t, as strided convolutions and the points are; 0 where none of the three is valid.
    """
    valid = mask[..., None].to(x.dtype)
    total, weight = (_sum_around(item) for item in (x * valid, valid))
    return total / weight.clamp(min=1)


def _sum_around(x: Tensor) -> Tensor:
    """(N, T, D) → (N, ceil(T / 2), D): step 2t twice and both its neighbours."""
    even, odd = x[:, ::2], x[:, 1::2]
    odd = F.pad(odd, (0, 0, 1, even.shape[1] - odd.shape[1]))
    return 2 * even + odd[:, :-1] + odd[:, 1:]


def upsample(x: Tensor, mask: Tensor, num_steps: int) -> Tensor:
    """(N, T, D), (N, T) → (N, num_steps, D), 2T − 1 or 2T steps: 2t is step t, 2t + 1 the mean of its valid neighbours.

    Centred likewise. The neighbour before is meant to be valid wherever the one behind is.
    """
    behind = F.pad(mask[:, 1:, None].to(x.dtype), (0, 0, 0, 1)) / 2
    between = torch.lerp(x, F.pad(x[:, 1:], (0, 0, 0, 1)), behind)
    return torch.stack([x, between], dim=2).flatten(1, 2).narrow(1, 0, num_steps)


@MODELS.register_module()
class AudioVisualPAN(BaseModule):
    """Path aggregation neck: attention between the streams on each level, a top-down and a bottom-up path of each.

    ::

        V3, A3 ── attention ─────────► inner3 ──────────────► out3
                                         │ up                  ▲ down
        V2, A2 ── attention ── gated ─► inner2 ──── gated ───► out2
                                         │ up                  ▲ down
        V1, A1 ── attention ── gated ─► inner1 ──── gated ───► out1
                                         │ up                  ▲ down
        V0, A0 ── attention ── gated ─► inner0 ──────────────► out0 = [V; A]

    All levels and both streams share their weights, and every branch starts at zero: an untrained neck does nothing but
    concatenate the streams. A single stream attends to itself.

    Args:
        in_channels: Channels D of each stream by its name, the same for all, in the order of concatenation.
        attn_window: Odd number of steps of its own level that the attention sees, None = all.
        num_heads: Heads of the attention.
        dropout: Dropout of all branches.
        init_cfg: As in mmengine.

    Attributes:
        out_channels: Channels of every level, those of all streams together.

    Raises:
        ValueError: If there are not one or two streams of the same width, ``num_heads`` does not divide it, or
            ``attn_window`` is not odd.
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        attn_window: int | None = None,
        num_heads: int = 4,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(in_channels) not in (1, 2) or len(set(in_channels.values())) > 1:
            raise ValueError(f'in_channels must be those of one or two streams of the same width, got {in_channels}')
        self.streams = tuple(in_channels)
        self.out_channels = sum(in_channels.values())
        dims = in_channels[self.streams[0]]
        self.attention = StreamAttention(dims, num_heads, attn_window, dropout)
        self.top_down = GatedFusion(dims, dropout)
        self.bottom_up = GatedFusion(dims, dropout)
        zero_biases(self)

    def widen(self, reaches: Sequence[int]) -> tuple[int, ...] | None:
        """How far the outputs see if the inputs see so far, for each level in steps of the finest; None = all."""
        reach = reach_of(self.attention.window)
        if reach is None:
            return None
        wide = [own + reach * 2**level for level, own in enumerate(reaches)]
        for level in reversed(range(len(wide) - 1)):  # between two steps of the level above lies one of its own
            wide[level] = max(wide[level], wide[level + 1] + 2**level)
        for level in range(1, len(wide)):
            wide[level] = max(wide[level], wide[level - 1] + 2 ** (level - 1))
        return tuple(wide)

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D, T_l), masks (B, T_l) → L levels (B, S·D, T_l) of the S streams, and the masks."""
        num_streams, gap = len(self.streams), self.attention.gap
        joined = torch.stack([join(feats[name], gap) for name in self.streams])
        joined = self.attention(joined, masks).flatten(0, 1)  # (N, P + L·gap, D)
        sizes = [mask.shape[1] for mask in masks]
        levels = [
            part[:, :size] for part, size in zip(joined.split([n + gap for n in sizes], dim=1), sizes, strict=True)
        ]
        row_masks = [mask.repeat(num_streams, 1) for mask in masks]
        last = len(levels) - 1
        levels = self.top_down(levels[::-1], lambda i, x: upsample(x, row_masks[last - i + 1], sizes[last - i]))[::-1]
        levels = self.bottom_up(levels, lambda i, x: downsample(x, row_masks[i - 1]))
        outs = (level * mask[..., None].to(level.dtype) for level, mask in zip(levels, row_masks, strict=True))
        sides = (level.unflatten(0, (num_streams, -1)).permute(1, 2, 0, 3) for level in outs)  # (B, T_l, S, D)
        return tuple(level.flatten(2).transpose(1, 2) for level in sides), masks
