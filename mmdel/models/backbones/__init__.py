"""Backbones: features of each stream → a temporal pyramid of each stream."""

from mmdel.models.backbones.av_pyramid import AudioVisualPyramidBackbone
from mmdel.models.backbones.event_aligned import EventAlignedBackbone
from mmdel.models.backbones.event_aligned_conv import EventAlignedConvBackbone
from mmdel.models.backbones.temporal_pyramid import TemporalPyramidBackbone

__all__ = [
    'AudioVisualPyramidBackbone',
    'EventAlignedBackbone',
    'EventAlignedConvBackbone',
    'TemporalPyramidBackbone',
]
