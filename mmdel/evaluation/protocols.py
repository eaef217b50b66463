"""How each data set is scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Protocol:
    """The thresholds of a data set. *The* value is the mean of the mAP over all of them.

    Args:
        tious: All thresholds.
        reported: Those that papers print beside the mean.
        tasks: The fields of an annotation that name its class; more than one for verb, noun and action.
        ignore_labels: Labels of events that count neither way.
    """

    tious: tuple[float, ...]
    reported: tuple[float, ...]
    tasks: tuple[str, ...] = ('label',)
    ignore_labels: tuple[str, ...] = ()


def tiou_range(first: float, last: float, num: int) -> tuple[float, ...]:
    """``num`` thresholds from ``first`` to ``last``, as clean decimals."""
    return tuple(round(float(t), 10) for t in np.linspace(first, last, num))


PROTOCOLS = {
    'unav100': Protocol(tiou_range(0.1, 0.9, 9), tiou_range(0.5, 0.9, 5)),
    'thumos14': Protocol(tiou_range(0.3, 0.7, 5), tiou_range(0.3, 0.7, 5), ignore_labels=('Ambiguous',)),
    'anet': Protocol(tiou_range(0.5, 0.95, 10), (0.5, 0.75, 0.95)),
    'epic': Protocol(tiou_range(0.1, 0.5, 5), tiou_range(0.1, 0.5, 5), tasks=('verb', 'noun', 'action')),
    'grid': Protocol(tiou_range(0.1, 0.9, 5), tiou_range(0.1, 0.9, 5)),
}


def get_protocol(name: str) -> Protocol:
    """The protocol of a data set.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in PROTOCOLS:
        raise ValueError(f'unknown protocol {name!r}; there are {", ".join(PROTOCOLS)}')
    return PROTOCOLS[name]
