"""Segments, time grids, the batch and the data sample: pure structures that import nothing else of mmdel.

What needs torch is imported when it is asked for, since the time grid serves :mod:`mmdel.runtime`, too.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmdel.structures.feature_grid import FeatureGrid

if TYPE_CHECKING:
    from mmdel.structures.event_data_sample import EventDataSample, in_ignored_events
    from mmdel.structures.segments import (
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
    'in_ignored_events',
    'inside_any',
    'segment_intersection',
    'segment_iou',
    'segment_length',
]
MODULES = dict(EventDataSample='event_data_sample', in_ignored_events='event_data_sample', StreamBatch='stream_batch')


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{MODULES.get(name, "segments")}'), name)
