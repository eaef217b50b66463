"""Measures as functions of flat numpy arrays."""

from mmdel.evaluation.functional.average_precision import (
    Matches,
    average_precision,
    check_tious,
    match_predictions,
    mean_over_classes,
)
from mmdel.evaluation.functional.diagnosis import diagnose
from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions
from mmdel.evaluation.functional.recall import average_recall, recall_at_k
from mmdel.evaluation.functional.sound_events import SoundCounts, event_counts, segment_counts
from mmdel.evaluation.functional.sound_events_psds import PSDS1, PSDS2, PSDSScenario, psds
from mmdel.evaluation.functional.step_average_precision import event_step_average_precision

__all__ = [
    'PSDS1',
    'PSDS2',
    'GroundTruth',
    'Matches',
    'PSDSScenario',
    'Predictions',
    'SoundCounts',
    'average_precision',
    'average_recall',
    'check_tious',
    'diagnose',
    'event_counts',
    'event_step_average_precision',
    'match_predictions',
    'mean_over_classes',
    'psds',
    'recall_at_k',
    'segment_counts',
]
