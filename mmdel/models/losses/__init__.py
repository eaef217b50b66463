"""Losses."""

from mmdel.models.losses.focal import SigmoidFocalLoss, sigmoid_focal_loss
from mmdel.models.losses.gate import gate_loss
from mmdel.models.losses.score_contrastive import ScoreContrastiveLoss
from mmdel.models.losses.segment_iou import DIoULoss, segment_diou_loss
from mmdel.models.losses.video_contrastive import VideoContrastiveLoss

__all__ = [
    'DIoULoss',
    'ScoreContrastiveLoss',
    'SigmoidFocalLoss',
    'VideoContrastiveLoss',
    'gate_loss',
    'segment_diou_loss',
    'sigmoid_focal_loss',
]
