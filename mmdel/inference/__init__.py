"""From media files and features to events: bundles, the inferencer, and a class for engines that share work out."""

from mmdel.inference.bundle import Bundle
from mmdel.inference.detect_videos import DetectVideos
from mmdel.inference.event_inferencer import Detection, EventInferencer
from mmdel.runtime.bundle import find_bundle

__all__ = ['Bundle', 'DetectVideos', 'Detection', 'EventInferencer', 'find_bundle']
