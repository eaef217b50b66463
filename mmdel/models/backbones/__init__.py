"""Backbones: features of each stream → a temporal pyramid of each stream."""

from mmdel.models.backbones.actionformer import ActionFormerBackbone
from mmdel.models.backbones.event_aligned import EventAlignedBackbone

__all__ = ['ActionFormerBackbone', 'EventAlignedBackbone']
