"""Features of pictures and sound: extractors, and the streams that feed them.

An extractor imports torch where it needs it, so that the others run without.
"""

from mmdel.features.efficientnet import EfficientNetExtractor
from mmdel.features.extraction import Extracted, Extraction, extract, extract_all
from mmdel.features.extractor import EXTRACTORS, Extractor, register_extractor
from mmdel.features.feature_stream import FeatureStream, build_extractor, build_streams, extract_frames
from mmdel.features.frame_grid import FrameGridExtractor
from mmdel.features.log_mel import LogMelExtractor
from mmdel.features.onnx_model import OnnxExtractor
from mmdel.features.presets import PRESETS
from mmdel.features.recognizer import RecognizerExtractor
from mmdel.features.speech_embedding import SpeechEmbeddingExtractor
from mmdel.features.vggish_mel import VGGishMelExtractor

__all__ = [
    'EXTRACTORS',
    'PRESETS',
    'EfficientNetExtractor',
    'Extracted',
    'Extraction',
    'Extractor',
    'FeatureStream',
    'FrameGridExtractor',
    'LogMelExtractor',
    'OnnxExtractor',
    'RecognizerExtractor',
    'SpeechEmbeddingExtractor',
    'VGGishMelExtractor',
    'build_extractor',
    'build_streams',
    'extract',
    'extract_all',
    'extract_frames',
    'register_extractor',
]
