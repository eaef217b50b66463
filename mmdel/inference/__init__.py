"""From media files and features to events: bundles, inferencers, and a class for engines that share work out.

Each is imported when it is asked for, since ``OnnxInferencer`` and its likes run where torch is not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmdel.inference.bundle import Bundle
    from mmdel.inference.detect_videos import DetectVideos
    from mmdel.inference.detection import Detection
    from mmdel.inference.event_inferencer import EventInferencer
    from mmdel.inference.onnx_inferencer import OnnxInferencer
    from mmdel.runtime.bundle import find_bundle

__all__ = ['Bundle', 'DetectVideos', 'Detection', 'EventInferencer', 'OnnxInferencer', 'find_bundle']
MODULES = dict(
    Bundle='mmdel.inference.bundle',
    DetectVideos='mmdel.inference.detect_videos',
    Detection='mmdel.inference.detection',
    EventInferencer='mmdel.inference.event_inferencer',
    OnnxInferencer='mmdel.inference.onnx_inferencer',
    find_bundle='mmdel.runtime.bundle',
)


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(MODULES[name]), name)
