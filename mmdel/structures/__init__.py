"""Segments, time grids, the batch and the data sample: pure structures that import nothing else of mmdel."""

from mmdel.structures.event_data_sample import EventDataSample
from mmdel.structures.feature_grid import FeatureGrid
from mmdel.structures.segments import segment_intersection, segment_iou, segment_length
from mmdel.structures.stream_batch import StreamBatch

__all__ = ['EventDataSample', 'FeatureGrid', 'StreamBatch', 'segment_intersection', 'segment_iou', 'segment_length']
