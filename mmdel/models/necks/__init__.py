"""Necks: pyramids of all streams → one pyramid."""

from mmdel.models.necks.chain import NeckChain
from mmdel.models.necks.concat import ConcatNeck
from mmdel.models.necks.dependency import DependencyNeck
from mmdel.models.necks.guided_csp_pan import GuidedCSPPAN
from mmdel.models.necks.pan import AudioVisualPAN

__all__ = ['AudioVisualPAN', 'ConcatNeck', 'DependencyNeck', 'GuidedCSPPAN', 'NeckChain']
