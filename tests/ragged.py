"""Videos of different lengths in one batch, on the default device, with large numbers where the padding is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdel.structures import StreamBatch


def ragged_mask(lengths: Sequence[int], total: int | None = None) -> Tensor:
    """(B, T) bool; T is ``total`` or the longest of the lengths."""
    return torch.arange(total or max(lengths)) < torch.tensor(lengths)[:, None]


def ragged_batch(
    channels: dict[str, int],
    lengths: Sequence[int],
    total: int | None = None,
    noise: float = 1e3,
    dtype: torch.dtype = torch.float64,
) -> StreamBatch:
    """A stream (B, T, C_s) for each of ``channels``, random, and ``noise`` times as large where invalid."""
    torch.manual_seed(1)
    mask = ragged_mask(lengths, total)
    streams = {name: torch.randn(*mask.shape, width, dtype=dtype) for name, width in channels.items()}
    return StreamBatch({name: torch.where(mask[..., None], x, noise * x) for name, x in streams.items()}, mask)


def ragged_pyramids(
    channels: dict[str, int],
    lengths: Sequence[int],
    num_levels: int,
    total: int | None = None,
    noise: float = 1e3,
    dtype: torch.dtype = torch.float64,
) -> tuple[dict[str, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """Levels (B, C_s, T_l) of a stream for each of ``channels``, as ``ragged_batch``, and the masks (B, T_l)."""
    mask = ragged_mask(lengths, total)
    masks = tuple(mask[:, :: 2**level] for level in range(num_levels))
    torch.manual_seed(1)
    feats = {
        name: tuple(
            torch.randn(len(m), width, m.shape[1], dtype=dtype).mul(torch.where(m[:, None], 1.0, noise)) for m in masks
        )
        for name, width in channels.items()
    }
    return feats, masks


def pyramids_of(
    feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...], video: int
) -> tuple[dict[str, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """The valid steps of one video, as a batch."""
    cut = {
        name: tuple(x[video : video + 1, :, mask[video]] for x, mask in zip(levels, masks, strict=True))
        for name, levels in feats.items()
    }
    return cut, tuple(mask[video : video + 1, mask[video]] for mask in masks)


def stir(module: torch.nn.Module, std: float = 0.1) -> torch.nn.Module:
    """The module in double precision, its residual branches at full weight, no parameter left at a plain 0 or 1."""
    torch.manual_seed(2)
    module.double()
    for name, parameter in module.named_parameters():
        if 'scale' in name or 'residual' in name:
            parameter.data.fill_(1.0)
        parameter.data += std * torch.randn_like(parameter)
    return module
