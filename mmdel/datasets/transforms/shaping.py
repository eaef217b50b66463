"""What a pipeline makes of the time of a video: on which grid, and in windows of how many steps, a model sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mmdel.datasets.transforms.aligning import AlignStreams, reference_stream
from mmdel.datasets.transforms.cropping import RandomTemporalCrop
from mmdel.datasets.transforms.resizing import ResizeStreams
from mmdel.registry import TRANSFORMS
from mmdel.structures import FeatureGrid


@dataclass
class Shaping:
    """The steps of a pipeline that bear on time; those that it lacks are None.

    Attributes:
        align: Tells the reference stream.
        resize: Resizes every video.
        crop: Cuts windows, when training.
    """

    align: AlignStreams | None = None
    resize: ResizeStreams | None = None
    crop: RandomTemporalCrop | None = None

    @classmethod
    def of(cls, pipeline: Iterable[Any]) -> Shaping:
        """Those of a pipeline, built or as in a config."""
        found = cls()
        for step in pipeline:
            if isinstance(step, dict):
                kind = step['type']
                kind = TRANSFORMS.get(kind) if isinstance(kind, str) else kind
                step = (
                    kind(**{name: value for name, value in step.items() if name != 'type'}) if kind in KINDS else None
                )
            if type(step) in KINDS:
                setattr(found, KINDS[type(step)], step)
        return found

    def reference(self, streams: Iterable[str]) -> str:
        """Which of the streams gives the time grid."""
        return reference_stream(streams, *([self.align.reference] if self.align else []))

    def __call__(self, grid: FeatureGrid, num_steps: int) -> tuple[FeatureGrid, int]:
        """The grid and the steps of a whole video, made of those of its reference stream."""
        if self.resize is None:
            return grid, num_steps
        return grid.resized(num_steps, self.resize.length), self.resize.length


KINDS = {AlignStreams: 'align', ResizeStreams: 'resize', RandomTemporalCrop: 'crop'}
