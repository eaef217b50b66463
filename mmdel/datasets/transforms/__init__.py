"""The steps of the data pipeline, in their order: load, align, crop, pack."""

from mmdel.datasets.transforms.cropping import RandomTemporalCrop
from mmdel.datasets.transforms.loading import AlignStreams, LoadFeatures
from mmdel.datasets.transforms.packing import PackEvents

__all__ = ['AlignStreams', 'LoadFeatures', 'PackEvents', 'RandomTemporalCrop']
