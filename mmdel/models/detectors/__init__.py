"""Detectors: the wiring of backbone, neck and head."""

from mmdel.models.detectors.event_detector import EventDetector

__all__ = ['EventDetector']
