"""What all backbones share: which streams of a batch they read, in which order, and what they tell of their output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmengine.model import BaseModule
from torch import Tensor

from mmdel.models.layers import sum_reaches
from mmdel.structures import StreamBatch
from mmdel.utils.errors import UserInputError

Pyramids = dict[str, tuple[Tensor, ...]]  # stream → L levels (B, D, T_l)


class StreamBackbone(BaseModule):
    """Maps a batch to the pyramids of its streams, and the masks (B, T_l) of their levels.

    Args:
        in_channels: Feature channels of each stream by its name; a look-up, its order means nothing.
        streams: The streams that are read, in the order in which they are stacked or concatenated; None = the only one.
        init_cfg: As in mmengine.

    Attributes:
        in_channels: The feature channels of those that are read, in order.
        out_channels: Channels D of each pyramid by its name, in the order of the output.
        max_streams: How many streams a class can read, None = any number.

    Raises:
        ValueError: If ``streams`` is None for several streams, or names an unknown stream, none, too many, or one
            twice.
    """

    out_channels: dict[str, int]
    num_levels: int
    max_streams: int | None = None

    def __init__(
        self, in_channels: dict[str, int], streams: Sequence[str] | None = None, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        if streams is None:
            if len(in_channels) != 1:
                raise ValueError(
                    f'in_channels has the streams {sorted(in_channels)}: `streams` must say which are read, in order'
                )
            streams = list(in_channels)
        if not streams or len(set(streams)) < len(streams) or not in_channels.keys() >= set(streams):
            raise ValueError(f'streams must name streams of in_channels, {sorted(in_channels)}; got {list(streams)}')
        if self.max_streams and len(streams) > self.max_streams:
            raise ValueError(f'{type(self).__name__} reads at most {self.max_streams} streams, got {list(streams)}')
        self.streams = tuple(streams)
        self.in_channels = {name: in_channels[name] for name in streams}

    @property
    def reach(self) -> tuple[int, ...] | None:
        """How many steps of the input to either side of its own a step of each level is computed from; None = all.

        What is taken from the whole of the input does not count: a [CLS] token, a mean, a step's place in it.
        """
        return None

    def forward(self, inputs: StreamBatch) -> tuple[Pyramids, tuple[Tensor, ...]]:
        """The L levels (B, D, T_l) of each pyramid, with zeros at invalid steps, and their L masks (B, T_l).

        Raises:
            UserInputError: If a stream is not in the batch, or has another width than ``in_channels`` says.
        """
        for name, width in self.in_channels.items():
            if name not in inputs.streams:
                raise UserInputError(f'the batch has no stream {name!r}; it has {sorted(inputs.streams)}')
            given = inputs.streams[name].shape[-1]
            if given != width:
                raise UserInputError(f'stream {name!r} has {given} channels in the batch, and in_channels says {width}')
        return self.extract(inputs)

    def extract(self, inputs: StreamBatch) -> tuple[Pyramids, tuple[Tensor, ...]]:
        """:meth:`forward` on streams that are known to be there."""
        raise NotImplementedError


def pyramid_reach(finest: Iterable[int | None], downs: Sequence[int | None]) -> tuple[int, ...] | None:
    """How far the steps of each level see, in steps of the input; None = all.

    Args:
        finest: How far each part before level 0 sees, one behind the other.
        downs: How far what makes level l > 0 sees, in steps of the level before it.
    """
    reaches = [sum_reaches(finest)]
    for level, down in enumerate(downs):
        reaches.append(sum_reaches([reaches[-1], None if down is None else down * 2**level]))
    return None if None in reaches else tuple(reach for reach in reaches if reach is not None)
