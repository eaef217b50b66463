"""Hooks."""

from mmdel.engine.hooks.checkpoint_check_hook import CheckpointCheckHook
from mmdel.engine.hooks.class_check_hook import ClassCheckHook
from mmdel.engine.hooks.convert_weights_hook import ConvertWeightsHook
from mmdel.engine.hooks.data_report_hook import DataReportHook
from mmdel.engine.hooks.epoch_seed_hook import EpochSeedHook
from mmdel.engine.hooks.event_visualization_hook import EventVisualizationHook
from mmdel.engine.hooks.finite_check_hook import FiniteCheckHook
from mmdel.engine.hooks.gate_supervision_hook import GateSupervisionHook
from mmdel.engine.hooks.resumed_schedule_hook import ResumedScheduleHook
from mmdel.engine.hooks.run_checkpoint_hook import RunCheckpointHook
from mmdel.engine.hooks.score_contrastive_hook import ScoreContrastiveHook
from mmdel.engine.hooks.step_ema_hook import StepEMAHook
from mmdel.engine.hooks.training_pictures_hook import TrainingPicturesHook
from mmdel.engine.hooks.training_plan_hook import TrainingPlanHook

__all__ = [
    'CheckpointCheckHook',
    'ClassCheckHook',
    'ConvertWeightsHook',
    'DataReportHook',
    'EpochSeedHook',
    'EventVisualizationHook',
    'FiniteCheckHook',
    'GateSupervisionHook',
    'ResumedScheduleHook',
    'RunCheckpointHook',
    'ScoreContrastiveHook',
    'StepEMAHook',
    'TrainingPicturesHook',
    'TrainingPlanHook',
]
