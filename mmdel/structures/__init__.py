"""Segments, time grids, the batch and the data sample: pure structures that import nothing else of mmdel."""

from mmdel.structures.event_data_sample import EventDataSample, in_ignored_events
from mmdel.structures.feature_grid import FeatureGrid
from mmdel.structures.segments import (
    covered_length,
    inside_any,
    segment_intersection,
    segment_iou,
    segment_length,
)
from mmdel.structures.stream_batch import StreamBatch

__all__ = [
    'EventDataSample',
    'FeatureGrid',
    'StreamBatch',
    'covered_length',
    'in_ignored_events',
    'inside_any',
    'segment_intersection',
    'segment_iou',
    'segment_length',
]
