"""What was found in a video, by whichever inferencer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from mmdel.events import Events
from mmdel.utils.number_format import NumberFormat
from mmdel.utils.progress import Advance


@dataclass(frozen=True)
class Detection:
    """What was found in a video.

    Attributes:
        path: The video, as it was given.
        video_id: Its id.
        events: Its events by their start, with scores; none if it could not be read.
        duration_sec: Its length; None if that is not known.
        error: Why it could not be read; None if it could.
        notes: What was amiss but read all the same.
        seconds: How long reading and model took, without waiting for one another.
    """

    path: str
    video_id: str
    events: Events
    duration_sec: float | None = None
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Inferencer(Protocol):
    """What finds events in many videos: :class:`EventInferencer` with torch, :class:`OnnxInferencer` without.

    Attributes:
        bundle: With ``weights_sha256``, by which the model is known, and ``provenance``.
        score_thr: Events of a lower score are left out.
        classes: Events of other classes are left out.
        amp: The number format that was asked for; None if none was.
        number_format: In which the model computes.
    """

    bundle: Any
    score_thr: float
    classes: tuple[str, ...]
    amp: str | None
    number_format: NumberFormat

    def __call__(self, inputs: Any, advance: Advance | None = None) -> Iterator[Detection]:
        """The events of each video, in the order of the inputs."""
