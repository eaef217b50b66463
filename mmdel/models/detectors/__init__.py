"""Detectors: the wiring of backbone, neck and head."""

from mmdel.models.detectors.event_detector import EventDetector
from mmdel.models.detectors.mmaction_localizer import MMActionLocalizer, MMActionTCANet
from mmdel.models.detectors.window_stream import WindowStream

__all__ = ['EventDetector', 'MMActionLocalizer', 'MMActionTCANet', 'WindowStream']
