"""Measures as functions of flat numpy arrays."""

from mmdel.evaluation.functional.average_precision import (
    Matches,
    average_precision,
    check_tious,
    match_predictions,
    mean_over_classes,
)
from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions, overlapping_pairs, segment_iou

__all__ = [
    'GroundTruth', 'Matches', 'Predictions', 'average_precision', 'check_tious', 'match_predictions',
    'mean_over_classes', 'overlapping_pairs', 'segment_iou'
]
