"""The measures of sound event detection as an mmengine metric."""

from __future__ import annotations

from mmdel.evaluation.metrics.event_map import ScoredEvents
from mmdel.evaluation.sound_event_measures import SoundEventMeasures
from mmdel.registry import METRICS


@METRICS.register_module()
class SoundEventScores(SoundEventMeasures, ScoredEvents):
    """F1 and error rate of sound event detection, by event and by segment, and PSDS; all in percent.

    Keys: ``sound/event_F1`` (of all classes together), ``sound/event_F1_macro``, ``sound/event_precision``,
    ``sound/event_recall``, ``sound/event_ER`` (may exceed 100), the same of ``sound/segment_…``, and, if the durations
    of all videos are known, ``sound/PSDS1`` and ``sound/PSDS2``. The definitions are those of
    :mod:`mmdel.evaluation.functional.sound_events` and :mod:`mmdel.evaluation.functional.sound_events_psds`.

    Args:
        args: Of :class:`~mmdel.evaluation.sound_event_measures.SoundEventMeasures`, and of
            :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: As :class:`~mmdel.evaluation.sound_event_measures.SoundEventMeasures`.
    """

    default_prefix = 'sound'

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Score all videos and print the table; where there is nothing to score, say so and give no value."""
        return self.score_all(results, (self.dataset_meta or {}).get('classes'))
