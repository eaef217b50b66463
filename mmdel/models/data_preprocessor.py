"""From the videos of a batch to what a model reads, on its device.

Shapes: B videos, T steps of the longest, C_s channels of stream s.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdel.registry import MODELS
from mmdel.structures import StreamBatch
from mmdel.utils.errors import UserInputError

MODEL_FIELDS = 'gt_instances', 'ignored_instances', 'proposals'  # of a data sample, that models read


@MODELS.register_module()
class EventDataPreprocessor(BaseDataPreprocessor):
    """Pads the streams with zeros to the longest video of the batch, makes the mask, and moves all to the device.

    Takes ``dict(inputs=…, data_samples=[…])`` with ``inputs`` a :class:`~mmdel.structures.StreamBatch`, as
    ``mmdel.collate_videos`` makes it of packed videos, or ``dict(stream=[(T_i, C_s), …])``, as ``pseudo_collate`` does.
    Returns ``inputs``, a ``StreamBatch`` of float32, and the samples.

    What crosses to the device is what was stored, float16 or float32, in one piece for each stream, and in one piece
    for each field of all samples: their ``gt_instances``, ``ignored_instances``, ``proposals`` and ``video_scores``
    are tensors there afterwards. A GPU is not waited for.

    Args:
        min_len: Pad at least to so many steps.
        zero_streams: Streams to replace by zeros in training and testing, to measure what a stream is worth.
        pad_size_divisor: Pad to a multiple of so many steps. Kernels are made, tuned or compiled for a length, and each
            batch of random crops has another one. What a model tells of a video does not depend on it.

    Raises:
        ValueError: If ``pad_size_divisor`` is not positive.
    """

    def __init__(self, min_len: int = 1, zero_streams: Sequence[str] = (), pad_size_divisor: int = 1) -> None:
        super().__init__()
        if pad_size_divisor < 1:
            raise ValueError(f'pad_size_divisor must be at least 1 step, got {pad_size_divisor}')
        self.min_len = min_len
        self.pad_size_divisor = pad_size_divisor
        self.zero_streams = frozenset([zero_streams] if isinstance(zero_streams, str) else zero_streams)

    def forward(self, data: dict, training: bool = False) -> dict:
        """The batch of ``data``.

        Raises:
            UserInputError: If the streams of a video differ in length, or ``zero_streams`` names an unknown stream.
        """
        inputs = data['inputs']
        if not isinstance(inputs, StreamBatch):
            try:
                inputs = StreamBatch.pad(inputs)
            except ValueError as error:
                raise UserInputError(str(error)) from error
        streams, mask = inputs
        unknown = self.zero_streams - streams.keys()
        if unknown:
            raise UserInputError(f'zero_streams names {sorted(unknown)}; the streams are {sorted(streams)}')
        moved = {name: self._move(x).float() for name, x in streams.items()}
        moved.update({name: torch.zeros_like(moved[name]) for name in self.zero_streams})
        batch = StreamBatch(moved, self._move(mask))
        num_steps = max(self.min_len, mask.shape[1])
        if lacking := num_steps + -num_steps % self.pad_size_divisor - mask.shape[1]:
            padded = {name: F.pad(x, (0, 0, 0, lacking)) for name, x in moved.items()}
            batch = StreamBatch(padded, F.pad(batch.mask, (0, lacking)))
        self._move_fields(data['data_samples'])
        return {**data, 'inputs': batch}

    def _move_fields(self, samples: Sequence[BaseDataElement]) -> None:
        """Makes tensors on the device of the arrays that models read of the samples."""
        for name in MODEL_FIELDS:
            holders = [sample.get(name) for sample in samples if name in sample]
            for key in holders[0].keys() if holders else ():
                self._move_values(holders, key)
        self._move_values([sample for sample in samples if 'video_scores' in sample], 'video_scores')

    def _move_values(self, holders: Sequence[BaseDataElement], key: str) -> None:
        values = [torch.as_tensor(holder.get(key)) for holder in holders]
        moved = self._move(torch.cat(values)).split([len(value) for value in values]) if values else ()
        for holder, value in zip(holders, moved, strict=True):
            holder.set_field(value, key)

    def _move(self, values: Tensor) -> Tensor:
        """The same on the device; CUDA orders what comes after a transfer behind it."""
        return values.to(self.device, non_blocking=self.device.type == 'cuda')
