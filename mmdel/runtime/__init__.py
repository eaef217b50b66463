"""A bundle by numpy and onnxruntime alone: no module that is imported from here imports torch, mmengine or mmcv."""

from mmdel.runtime.onnx_detector import OnnxDetector

__all__ = ['OnnxDetector']
