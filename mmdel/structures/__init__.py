"""Segments, time grids and the data sample: pure structures that import nothing else of mmdel."""

from mmdel.structures.event_data_sample import EventDataSample
from mmdel.structures.feature_grid import FeatureGrid
from mmdel.structures.segments import clip_segments, segment_intersection, segment_iou, segment_length

__all__ = ['EventDataSample', 'FeatureGrid', 'clip_segments', 'segment_intersection', 'segment_iou', 'segment_length']
