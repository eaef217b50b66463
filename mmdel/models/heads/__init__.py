"""Heads: a pyramid → losses or events."""

from mmdel.models.heads.anchor_free_head import AnchorFreeHead

__all__ = ['AnchorFreeHead']
