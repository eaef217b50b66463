"""What of the data a training or a test cannot make use of, said before it starts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdel.datasets import EventDataset
from mmdel.datasets.checks.feature_files import inspect_files
from mmdel.datasets.checks.fit import Loaded, check_crowds, check_epoch, check_ignored, check_learnable
from mmdel.datasets.transforms.shaping import Shaping
from mmdel.events.problems import Problem
from mmdel.registry import HOOKS
from mmdel.utils.runner_state import bare_model


@HOOKS.register_module()
class DataReportHook(Hook):
    """Says in a line each what ``tools/data/check.py`` would say of how data, model and training fit.

    Of each :class:`~mmdel.datasets.EventDataset` in the loaders, wrapped or not: how much of the time ignored events
    cover, whether the head keeps fewer events than a video has; and of the training data, which events no point of the
    head can learn, and whether an epoch sees less than half. The shapes of the training features are read for it, but
    for ``.pt`` files, whose content would be read with them.
    """

    def before_train(self, runner: Runner) -> None:
        """Tells of the data for training and validation."""
        problems = _problems(runner, runner.train_dataloader.dataset, is_trained=True)
        if runner.val_loop is not None:
            problems += _problems(runner, runner.val_dataloader.dataset)
        _tell(runner, problems)

    def before_test(self, runner: Runner) -> None:
        """Tells of the data for the test."""
        _tell(runner, _problems(runner, runner.test_dataloader.dataset))


def _problems(runner: Runner, dataset: Any, is_trained: bool = False) -> list[Problem]:
    """What is to be said of the data in a loader; nothing on other processes than the first."""
    model = bare_model(runner.model)
    head = getattr(model, 'head', None)
    sliding = getattr(model, 'sliding_window', None)
    problems: list[Problem] = []
    for part, times in _parts(dataset) if is_main_process() else ():
        loaded = _load(part, with_files=is_trained)
        problems += check_ignored(loaded) + check_crowds(loaded, head, sliding and sliding.window)
        if is_trained:
            problems += check_learnable(loaded, head, by_class=False) + check_epoch(loaded, times)
    return problems


def _parts(dataset: Any, times: float = 1.0) -> Iterator[tuple[EventDataset, float]]:
    """The data sets in mmengine's wrappers, and how often an epoch takes each of their items on average."""
    if isinstance(dataset, EventDataset):
        yield dataset, times
        return
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else [])
    num_items = sum(map(len, inner))
    for part in inner:
        yield from _parts(part, times * len(dataset) / max(num_items, 1))


def _load(dataset: EventDataset, with_files: bool) -> Loaded:
    """The videos of a data set that is ready for use."""
    items = (dataset.get_data_info(index) for index in range(len(dataset)))
    records = {record['video_id']: record for record in items}
    shaping = Shaping.of(dataset.pipeline.transforms)
    streams = [record['streams'][shaping.reference(record['streams'])] for record in records.values()]
    names = [
        (path, stream['key']) for stream in streams for path in stream['files'] if not path.endswith(('pt', 'pth'))
    ]
    facts = inspect_files(names, headers_only=True) if with_files else {}
    return Loaded(dataset, list(records.values()), dataset.metainfo['classes'], shaping, facts)


def _tell(runner: Runner, problems: list[Problem]) -> None:
    for problem in dict.fromkeys(problems):
        level = logging.INFO if problem.severity == 'info' else logging.WARNING
        runner.logger.log(level, problem.line())
