"""What a run shows on the screen: the lines worth reading and, on a terminal, how far it is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook, LoggerHook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn

# How the messages begin that only the log file keeps: what the run is made of, and advice to mmengine's programmers.
LOG_FILE_ONLY = (
    '\n------',  # the machine and its libraries
    'Config:',
    'Distributed training is not used',
    'Hooks will be executed',
    'paramwise_options',
    'Exp name:',
    '"FileClient"',
    '"HardDiskBackend"',
)


class ScreenRunner(Runner):
    """mmengine's runner, whose log file has all messages and whose screen those that are worth reading."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        logger = super().build_logger(*args, **kwargs)
        _screen_handler(logger).addFilter(lambda record: not record.getMessage().startswith(LOG_FILE_ONLY))
        logger.info(f'Log file, with the config and the system: {logger.log_file}')
        return logger

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        hooks = self.hooks
        if fn_name == 'after_test_epoch' and not is_main_process():
            # Every rank's would write the scores, at once and into one file, which then may hold a piece of another's.
            self._hooks = [hook for hook in hooks if not isinstance(hook, LoggerHook)]
        try:
            super().call_hook(fn_name, **kwargs)
        finally:
            self._hooks = hooks

    def train(self) -> Any:
        with _progress_of(self):
            return super().train()

    def test(self) -> Any:
        with _progress_of(self):
            return super().test()


class ProgressHook(Hook):
    """Bars for the training and for the validation or test that is under way."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.training = progress.add_task('starting', total=None)
        self.scoring = progress.add_task('', visible=False)

    def before_train(self, runner: Runner) -> None:
        self._begin(self.training, 'training', runner.max_iters, runner.iter)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        epoch = f'epoch {runner.epoch + 1} of {runner.max_epochs}'
        self.progress.update(self.training, description=epoch, completed=runner.iter + 1)

    def before_val_epoch(self, runner: Runner) -> None:
        self._begin(self.scoring, 'validation', len(runner.val_dataloader))

    def before_test_epoch(self, runner: Runner) -> None:
        self.progress.update(self.training, visible=False)
        self._begin(self.scoring, 'test', len(runner.test_dataloader))

    def after_val_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        self.progress.advance(self.scoring)

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self.progress.update(self.scoring, visible=False)

    def _begin(self, task: TaskID, name: str, total: int, completed: int = 0) -> None:
        self.progress.reset(task, description=name, total=total, completed=completed, visible=True)


@contextmanager
def _progress_of(runner: Runner) -> Iterator[None]:
    """On a terminal, bars below the messages; their clock moves on its own, also while one long step is computed."""
    if not (sys.stdout.isatty() and is_main_process()):
        yield
        return
    handler = _screen_handler(runner.logger)
    columns = TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TextColumn('left'), TimeLeftColumn(), console=Console(), transient=True) as progress:
        stream = handler.setStream(sys.stdout)  # which now prints above the bars
        runner.register_hook(ProgressHook(progress), priority='LOWEST')
        try:
            yield
        finally:
            handler.setStream(stream)


def _screen_handler(logger: logging.Logger) -> logging.StreamHandler:
    return next(handler for handler in logger.handlers if type(handler) is logging.StreamHandler)
