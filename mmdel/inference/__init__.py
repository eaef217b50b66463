"""From media files and features to events: bundles, the inferencer, and a class for engines that share work out."""

from mmdel.inference.bundle import Bundle, find_bundle
from mmdel.inference.detect_videos import DetectVideos
from mmdel.inference.event_inferencer import Detection, EventInferencer

__all__ = ['Bundle', 'DetectVideos', 'Detection', 'EventInferencer', 'find_bundle']
