"""Warnings in the log of the run."""

from __future__ import annotations

import logging


def warn(message: str) -> None:
    """Says it in mmengine's current log; where mmengine is not installed, in Python's, which is stderr by default."""
    try:
        from mmengine.logging import print_log
    except ImportError:
        logging.getLogger('mmdel').warning(message)
    else:
        print_log(message, logger='current', level=logging.WARNING)
