"""Detectors: the wiring of backbone, neck and head."""

from mmdel.models.detectors.event_detector import EventDetector
from mmdel.models.detectors.mmaction_localizer import MMActionLocalizer, MMActionTCANet

__all__ = ['EventDetector', 'MMActionLocalizer', 'MMActionTCANet']
