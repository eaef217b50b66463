"""How long videos are cut into windows: by what the parts of a model see, or as stated.

A *stage* is a part of the model that goes over a video in windows of its own: backbone, then neck and head, or all of
them at once. A *reach* is how many steps to either side of its own an output is computed from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

DEFAULT_OVERLAP = 0.5
# The steps that are a window's own, in units of those that only the backbone, neck and head, or the head see twice: 40
# times the part's share of the work, so that a twentieth of it is done twice. Of DEL's 22.4 GFLOP at T = 224, 13.9 are
# the backbone's, 3.9 the neck's and 4.6 the head's; of detectors without such a neck, the backbone's are up to 0.8.
OWN_STEPS = (32, 7, 9)


class Cut(NamedTuple):
    """Windows of ``length`` steps, each ``step`` behind the one before.

    Each step of a video belongs to one window, the one in which it lies furthest from the cuts: to all but the first
    and the last of them belong the ``step`` steps behind their first ``margin``.
    """

    length: int
    step: int

    @property
    def margin(self) -> int:
        """Steps at the beginning of a window that belong to the window before."""
        return (self.length - self.step) // 2


class SlidingWindow:
    """Cuts videos that are longer than a window.

    Where every attention of a model has a window, the overlap follows from what its parts see: the backbone goes over
    the video in windows, and neck and head over the pyramids that it leaves, in windows of their own, since the coarse
    levels see far. At the seams nothing changes: see :class:`~mmdel.models.detectors.WindowStream`.
    So that what is computed twice is a twentieth of all work, these windows may become longer than ``window``.

    Otherwise, or with an ``overlap`` that is stated, the whole model sees one window after the other. Each step counts
    in the window in which it lies furthest from the cuts. An event much longer than the overlap comes in parts.

    What a model gives of a video grows with its length: ``pre_nms_num`` candidates and ``max_num`` events for each
    ``window`` steps.

    Args:
        window: Steps W of a window, and of the longest video that is seen in one piece.
        overlap: The fraction of a window that the next one sees again, in [0, 1); None = what the model's parts see, or
            0.5 where one of them sees everything.
        batch_size: Windows of a stated overlap that go through the model at once.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, window: int, overlap: float | None = None, batch_size: int = 8) -> None:
        if window < 1 or batch_size < 1:
            raise ValueError(f'window and batch_size must be at least 1, got {window} and {batch_size}')
        if overlap is not None and not 0 <= overlap < 1:
            raise ValueError(f'overlap must be in [0, 1), got {overlap}')
        self.window = window
        self.overlap = overlap
        self.batch_size = batch_size

    def num_windows(self, num_steps: int) -> float:
        """How many windows' worth of steps a video has, at least 1: so many times may it have what one may have."""
        return max(num_steps / self.window, 1.0)

    def stages(self, backbone: Any, neck: Any, head: Any) -> tuple[Cut, Cut] | None:
        """The cuts of the backbone, and of neck and head; None = they go over the video together, see :meth:`stated`.

        The parts tell how far they see by ``reach`` and ``widen``, as those of mmdel do.
        """
        inner = getattr(backbone, 'reach', None) if self.overlap is None else None
        if inner is None or not hasattr(neck, 'widen') or not hasattr(head, 'widen'):
            return None
        levels = neck.widen((0,) * head.num_levels)
        outer = None if levels is None else head.widen(levels)
        if outer is None:
            return None
        margins = [_whole_strides(reaches) for reaches in (inner, outer)]
        shares = zip(OWN_STEPS, [*margins, self.head_margin(head)], strict=True)
        least = sum(times * margin for times, margin in shares)
        # Windows begin at multiples of the coarsest stride, so that their points are those of the whole video.
        longest = _whole_strides([0] * (head.num_levels - 1) + [self.window])
        steps = [max(least, longest - 2 * margin, 2 ** (head.num_levels - 1)) for margin in margins]
        first, second = (Cut(step + 2 * margin, step) for step, margin in zip(steps, margins, strict=True))
        return first, second

    @staticmethod
    def head_margin(head: Any) -> int:
        """How many steps beside its own a head needs of what the neck gives, in whole steps of the coarsest level."""
        return _whole_strides(head.widen((0,) * head.num_levels))

    def stated(self) -> Cut:
        """The cut of a model that goes over the video as a whole."""
        overlap = DEFAULT_OVERLAP if self.overlap is None else self.overlap
        return Cut(self.window, max(self.window - round(overlap * self.window), 1))


def _whole_strides(reaches: Sequence[int]) -> int:
    """The largest number of steps of the levels, up to a multiple of the coarsest one's stride."""
    stride = 2 ** (len(reaches) - 1)
    return -(-max(reaches) // stride) * stride
