"""What a detector needs of its head."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mmengine.structures import InstanceData
from torch import Tensor

from mmdel.structures import EventDataSample


@runtime_checkable
class EventHead(Protocol):
    """A module that finds events in a pyramid: L levels (B, D, T_l) with masks (B, T_l), T_l = ceil(T / 2^l).

    Training needs ``loss``, testing ``predict``. In sliding windows, the detector calls the head itself, ``candidates``
    with the outputs of each window, and ``finish`` with the candidates of all windows of a video; for a video in one
    piece, the three one after the other are ``predict``. A head that also has ``widen``, as ``AnchorFreeHead``, tells
    how far its points see, so that windows overlap no more than that.

    Attributes:
        num_classes: Classes C.
        num_levels: Levels L.
        pre_nms_num: Most candidates K of a video in one piece, and of each window's steps.
    """

    num_classes: int
    pre_nms_num: int

    @property
    def num_levels(self) -> int: ...

    def __call__(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """The raw outputs ``cls_logits`` (B, P, C) and ``offsets`` of the P = Σ T_l points."""

    def loss(
        self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> dict[str, Tensor]:
        """Scalars; those whose key contains 'loss' are summed and optimised."""

    def predict(
        self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...], data_samples: list[EventDataSample]
    ) -> list[InstanceData]:
        """For each video ``segments_sec`` (K, 2), ``scores`` (K,) descending and ``labels`` (K,)."""

    def candidates(
        self, cls_logits: Tensor, offsets: Tensor, masks: tuple[Tensor, ...], max_num: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The raw outputs, and the points that may speak → the ``max_num`` (``pre_nms_num``) best, none left out.

        ``segments`` (B, K, 2) in grid steps, ``scores`` (B, K), 0 at points that may not, ``labels`` (B, K).
        """

    def finish(
        self,
        segments: Tensor,
        scores: Tensor,
        labels: Tensor,
        data_samples: list[EventDataSample],
        num_windows: float = 1.0,
    ) -> list[InstanceData]:
        """Candidates → what ``predict`` gives, up to ``num_windows`` times as many events."""
