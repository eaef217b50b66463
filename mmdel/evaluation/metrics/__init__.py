"""Metrics for mmengine's evaluator."""

from mmdel.evaluation.metrics.dump_events import DumpEvents
from mmdel.evaluation.metrics.event_map import EventMAP

__all__ = ['DumpEvents', 'EventMAP']
