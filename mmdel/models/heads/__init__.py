"""Heads: a pyramid → losses or events."""

from mmdel.models.heads.anchor_free_head import AnchorFreeHead
from mmdel.models.heads.classifiers import TextClassifier, TowerClassifier
from mmdel.models.heads.offset_regressor import OffsetRegressor
from mmdel.models.heads.protocol import EventHead
from mmdel.models.heads.trident_regressor import TridentRegressor

__all__ = [
    'AnchorFreeHead',
    'EventHead',
    'OffsetRegressor',
    'TextClassifier',
    'TowerClassifier',
    'TridentRegressor',
]
