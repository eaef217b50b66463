"""Metrics for mmengine's evaluator."""

from mmdel.evaluation.metrics.dump_events import DumpEvents
from mmdel.evaluation.metrics.event_map import EventMAP
from mmdel.evaluation.metrics.sound_event_scores import SoundEventScores

__all__ = ['DumpEvents', 'EventMAP', 'SoundEventScores']
