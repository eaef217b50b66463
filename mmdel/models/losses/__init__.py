"""Losses."""

from mmdel.models.losses.segment_iou import DIoULoss, segment_diou_loss

__all__ = ['DIoULoss', 'segment_diou_loss']
