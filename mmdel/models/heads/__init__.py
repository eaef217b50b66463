"""Heads: a pyramid → losses or events."""

from mmdel.models.heads.anchor_free_head import AnchorFreeHead
from mmdel.models.heads.trident_head import TridentHead

__all__ = ['AnchorFreeHead', 'TridentHead']
