"""From a list of videos to a padded batch.

Shapes: B videos, T steps of the longest, C_s channels of stream s.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmdel.registry import MODELS
from mmdel.structures import StreamBatch
from mmdel.utils.errors import UserInputError


@MODELS.register_module()
class EventDataPreprocessor(BaseDataPreprocessor):
    """Pads the streams with zeros to the longest video of the batch, makes the mask, and moves all to the device.

    Takes ``dict(inputs=dict(stream=[(T_i, C_s), …]), data_samples=[…])``, what ``pseudo_collate`` makes of packed
    videos, and returns ``inputs``, a :class:`~mmdel.structures.StreamBatch`, and the samples.

    Args:
        min_len: Pad at least to so many steps.
        zero_streams: Streams to replace by zeros in training and testing, to measure what a stream is worth.
        non_blocking: Do not wait for the transfer to the device.
    """

    def __init__(self, min_len: int = 1, zero_streams: Sequence[str] = (), non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        self.min_len = min_len
        self.zero_streams = frozenset([zero_streams] if isinstance(zero_streams, str) else zero_streams)

    def forward(self, data: dict, training: bool = False) -> dict:
        """The batch of ``data``.

        Raises:
            UserInputError: If the streams of a video differ in length, or ``zero_streams`` names an unknown stream.
        """
        streams: dict[str, list[Tensor]] = data['inputs']
        unknown = self.zero_streams - streams.keys()
        if unknown:
            raise UserInputError(f'zero_streams names {sorted(unknown)}; the streams are {sorted(streams)}')
        lengths = {name: [len(feature) for feature in features] for name, features in streams.items()}
        num_steps = next(iter(lengths.values()))
        if any(other != num_steps for other in lengths.values()):
            raise UserInputError(
                f'the streams of a video must have one length; got {lengths}: is AlignStreams missing?'
            )
        data = self.cast_data({**data, 'inputs': {name: self._stack(features) for name, features in streams.items()}})
        padded: dict[str, Tensor] = data['inputs']
        for name in self.zero_streams:
            padded[name].zero_()
        padded_len = next(iter(padded.values())).shape[1]
        mask = torch.arange(padded_len, device=self.device) < torch.tensor(num_steps, device=self.device)[:, None]
        return {**data, 'inputs': StreamBatch(padded, mask)}

    def _stack(self, features: list[Tensor]) -> Tensor:
        """Features (T_i, C) → (B, T, C), zeros behind each."""
        batch = pad_sequence(features, batch_first=True)
        lacking = self.min_len - batch.shape[1]
        return F.pad(batch, (0, 0, 0, lacking)) if lacking > 0 else batch
