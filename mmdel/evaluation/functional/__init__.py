"""Measures as functions of flat numpy arrays."""

from mmdel.evaluation.functional.average_precision import (
    Matches,
    average_precision,
    check_tious,
    interpolated_ap,
    match_predictions,
    mean_over_classes,
)
from mmdel.evaluation.functional.diagnosis import Diagnosis, classify_predictions, diagnose
from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions, overlapping_pairs, segment_iou
from mmdel.evaluation.functional.recall import AverageRecall, average_recall, first_hit_ranks, recall_at_k
from mmdel.evaluation.functional.step_average_precision import (
    event_step_average_precision,
    paint_steps,
    sample_steps,
    step_average_precision,
)

__all__ = [
    'AverageRecall',
    'Diagnosis',
    'GroundTruth',
    'Matches',
    'Predictions',
    'average_precision',
    'average_recall',
    'check_tious',
    'classify_predictions',
    'diagnose',
    'event_step_average_precision',
    'first_hit_ranks',
    'interpolated_ap',
    'match_predictions',
    'mean_over_classes',
    'overlapping_pairs',
    'paint_steps',
    'recall_at_k',
    'sample_steps',
    'segment_iou',
    'step_average_precision',
]
