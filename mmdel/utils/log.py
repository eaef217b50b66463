"""Warnings in the log of the run, and its silence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


def warn(message: str) -> None:
    """Says it in mmengine's current log; where mmengine is not installed, in Python's, which is stderr by default."""
    try:
        from mmengine.logging import print_log
    except ImportError:
        logging.getLogger('mmdel').warning(message)
    else:
        print_log(message, logger='current', level=logging.WARNING)


@contextmanager
def silence() -> Iterator[None]:
    """Nothing is logged meanwhile, not by mmengine either."""
    before = logging.root.manager.disable
    _disable(logging.CRITICAL)
    try:
        yield
    finally:
        _disable(before)


def _disable(level: int) -> None:
    from mmengine.logging import MMLogger

    logging.disable(level)
    logger = MMLogger.get_current_instance()
    logger.setLevel(logger.level)  # mmengine's loggers remember what was enabled before, until a level is set
