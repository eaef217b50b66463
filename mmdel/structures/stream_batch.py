"""What a model reads: the padded streams of a batch of videos, and which of their steps are valid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import get_worker_info


class StreamBatch(NamedTuple):
    """The streams of B videos of up to T steps, on one grid.

    Attributes:
        streams: Features (B, T, C_s) of each stream by its name; at invalid steps they may be anything.
        mask: Valid steps (B, T) bool, True = valid.
    """

    streams: dict[str, Tensor]
    mask: Tensor

    @classmethod
    def pad(cls, features: Mapping[str, Sequence[Tensor]]) -> StreamBatch:
        """Of the features (T_i, C_s) of each video, by stream: zeros behind each, up to the longest.

        In a data loading worker the batch is written to shared memory at once.

        Raises:
            ValueError: If the streams of a video differ in length.
        """
        lengths = {name: [len(feature) for feature in videos] for name, videos in features.items()}
        num_steps = next(iter(lengths.values()))
        if any(other != num_steps for other in lengths.values()):
            raise ValueError(f'the streams of a video must have one length; got {lengths}: is AlignStreams missing?')
        mask = torch.arange(max(num_steps)) < torch.tensor(num_steps)[:, None]
        return cls({name: _pad(videos, max(num_steps)) for name, videos in features.items()}, mask)

    def concat(self, names: Sequence[str]) -> Tensor:
        """The named streams side by side, in this order: (B, T, ΣC_s)."""
        return torch.cat([self.streams[name] for name in names], dim=-1)


def _pad(videos: Sequence[Tensor], num_steps: int) -> Tensor:
    """Features (T_i, C) → (B, ``num_steps``, C), zeros behind each."""
    batch = _empty_like(videos[0], (len(videos), num_steps, videos[0].shape[1]))
    for row, feature in zip(batch, videos, strict=True):
        row[: len(feature)] = feature
        row[len(feature) :] = 0
    return batch


def _empty_like(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A new tensor; as in PyTorch's own collate function, one that a worker makes is shared without a further copy."""
    if get_worker_info() is None:
        return tensor.new_empty(shape)
    storage = torch.UntypedStorage._new_shared(math.prod(shape) * tensor.element_size())
    return tensor.new_empty(0).set_(storage).view(shape)
