"""Backbones: features of each stream → a temporal pyramid of each stream."""

from mmdel.models.backbones.actionformer import ActionFormerBackbone
from mmdel.models.backbones.av_pyramid import AudioVisualPyramidBackbone
from mmdel.models.backbones.event_aligned import EventAlignedBackbone
from mmdel.models.backbones.sgp_pyramid import SGPBackbone
from mmdel.models.backbones.temporal_maxer import TemporalMaxerBackbone

__all__ = [
    'ActionFormerBackbone',
    'AudioVisualPyramidBackbone',
    'EventAlignedBackbone',
    'SGPBackbone',
    'TemporalMaxerBackbone',
]
