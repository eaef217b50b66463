"""A test in half precision converts the weights once."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdel.registry import HOOKS
from mmdel.utils.number_format import autocast_format, convert_weights
from mmdel.utils.runner_state import bare_model


@HOOKS.register_module()
class ConvertWeightsHook(Hook):
    """Converts the weights of an :class:`~mmdel.models.detectors.EventDetector` that is tested in half precision.

    Autocast else does so at every batch. After other hooks, one of which may test with the average of the weights. The
    model cannot be trained on.
    """

    priority = 'LOWEST'

    def before_test_epoch(self, runner: Runner) -> None:
        """Converts them, if the test loop computes in half precision."""
        model = bare_model(runner.model)
        if runner.test_loop.fp16 and type(model).__name__ == 'EventDetector':
            convert_weights(model, autocast_format(next(model.parameters()).device))
