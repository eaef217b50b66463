"""What has to be known of a model to make events of the outputs of its ONNX graph: the key ``onnx`` of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mmdel.events.formats.structure import Node
from mmdel.runtime.suppression import SegmentSuppression

MAX_COUNT = 2**24
MAX_LEVELS = 32


@dataclass(frozen=True)
class Windows:
    """How a long video is cut, see ``mmdel.models.detectors.sliding_window``.

    Attributes:
        longest: Steps of the longest video that is seen in one piece. A longer one may have as many times as much, of
            candidates and events.
        length: Steps of a window.
        stride: Steps from one window to the next.
        margin: First steps of a window that belong to the one before; only the first window of a video has none.
    """

    longest: int
    length: int
    stride: int
    margin: int


@dataclass(frozen=True)
class OnnxSettings:
    """The arithmetic before and behind the graph.

    Attributes:
        sha256: Of the graph's file.
        num_levels: Levels of the pyramid; level l has a point at every 2^l-th step.
        min_steps: Inputs are padded at least to so many steps.
        zero_streams: Streams that are replaced by zeros.
        windows: How what is longer than one is cut; None takes it in one piece.
        pre_nms_score: Candidates must score above it.
        pre_nms_num: Most candidates of a video in one piece.
        min_length: Candidates must be longer, in grid steps.
        nms: Arguments of :class:`~mmdel.runtime.suppression.SegmentSuppression`.
    """

    sha256: str
    num_levels: int
    min_steps: int
    zero_streams: tuple[str, ...]
    windows: Windows | None
    pre_nms_score: float
    pre_nms_num: int
    min_length: float
    nms: Mapping[str, Any]

    def share(self, num_steps: int) -> float:
        """How many times as much a video of so many steps may have as one in one piece, >= 1."""
        return 1.0 if self.windows is None else max(num_steps / self.windows.longest, 1.0)

    def write(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), 'zero_streams': list(self.zero_streams), 'nms': dict(self.nms)}

    @classmethod
    def read(cls, node: Node) -> OnnxSettings:
        """Of plain data; the digest is taken as it is.

        Raises:
            UserInputError: If something is lacking, unknown or out of its range: with its place and what was expected.
        """
        keys = cls.__dataclass_fields__.keys()
        if node.mapping().keys() != keys:
            raise node.error(f'the keys {", ".join(keys)}')
        windows = None
        if node.get('windows') is not None:
            if node['windows'].mapping().keys() != Windows.__dataclass_fields__.keys():
                raise node['windows'].error('longest, length, stride and margin')
            longest = _count(node['windows']['longest'], 1)
            length = _count(node['windows']['length'], 1)
            stride = _count(node['windows']['stride'], 1, length)
            windows = Windows(longest, length, stride, _count(node['windows']['margin'], 0, length - stride))
        zero_streams = [item.value for item in node['zero_streams'].items()]
        if not all(isinstance(name, str) for name in zero_streams):
            raise node['zero_streams'].error('names of streams')
        try:
            SegmentSuppression(**node['nms'].mapping())
        except (TypeError, ValueError) as error:
            raise node['nms'].error(f'other arguments ({error})') from error
        return cls(
            node.get('sha256'),
            _count(node['num_levels'], 1, MAX_LEVELS),
            _count(node['min_steps'], 1),
            tuple(zero_streams),
            windows,
            _number(node['pre_nms_score']),
            _count(node['pre_nms_num'], 1),
            _number(node['min_length']),
            node.get('nms'),
        )


def _count(node: Node, least: int, most: int = MAX_COUNT) -> int:
    if not isinstance(node.value, int) or isinstance(node.value, bool) or not least <= node.value <= most:
        raise node.error(f'a whole number from {least} to {most}')
    return node.value


def _number(node: Node) -> float:
    if not isinstance(node.value, int | float) or isinstance(node.value, bool) or not 0 <= node.value <= MAX_COUNT:
        raise node.error(f'a number from 0 to {MAX_COUNT}')
    return float(node.value)
