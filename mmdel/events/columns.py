"""Columns of raw values, made sense of at once: labels by their distinct values, and numbers."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mmdel.events.problems import Problem
from mmdel.events.raw import RawEvents
from mmdel.events.times import seconds_column
from mmdel.utils.names import to_label

SMALL = 2**61 - 1  # whole numbers below it differ in their hash


@dataclass(frozen=True)
class LabelUse:
    """A label as it is written and numbered in a file.

    Attributes:
        label: The label.
        raw: As it stands there.
        raw_id: The ``label_id`` that stands with it; None if there is none.
        rows: The rows of the events that have both, (N,) int64.
        table: Their table.
    """

    label: str
    raw: Any
    raw_id: Any
    rows: np.ndarray
    table: RawEvents

    def problem(self, row: int, kind: str, found: str, expected: str) -> Problem:
        """A problem of one of the rows."""
        table = self.table
        return Problem(kind, found, expected, table.video[row], table.file, row, table.tell(row))


class LabelColumn:
    """The labels of all events.

    Attributes:
        names: The distinct labels, sorted.
        codes: (N,) int64, each event's place in ``names``; -1 where it has no label.
    """

    def __init__(self, raw: RawEvents) -> None:
        self._raw = raw
        self._values, self._value_codes = distinct(raw.label)
        labels = [to_label(value) for value in self._values]
        self.names = tuple(sorted({label for label in labels if label is not None}))
        places = {name: place for place, name in enumerate(self.names)}
        self.codes = np.array([places.get(label, -1) for label in labels], dtype=np.int64)[self._value_codes]  # type: ignore[arg-type]

    @cached_property
    def _ids(self) -> tuple[list[Any], np.ndarray]:
        """The distinct ids, and each event's place among them."""
        if 'label_id' in self._raw.columns:
            return distinct(self._raw.columns['label_id'])
        return [None], np.zeros(len(self._raw), dtype=np.int64)

    @property
    def lacking(self) -> np.ndarray:
        """(N,) bool: what stands there is no label."""
        return self.codes < 0

    def among(self, labels: Collection[str]) -> np.ndarray:
        """(N,) bool: the label is one of these."""
        wanted = np.array([name in set(labels) for name in self.names] + [False], dtype=bool)
        return wanted[self.codes]

    def uses(self, rows: np.ndarray) -> list[LabelUse]:
        """How the labels of these rows (a mask) are written and numbered, in the order of their first rows."""
        ids, id_codes = self._ids
        chosen = np.flatnonzero(rows & (self.codes >= 0))
        pairs = self._value_codes[chosen] * len(ids) + id_codes[chosen]
        order = np.argsort(pairs, kind='stable')
        numbers, starts = np.unique(pairs[order], return_index=True)
        groups = np.split(chosen[order], starts[1:]) if len(numbers) else []
        uses = []
        for pair, group in zip(numbers.tolist(), groups, strict=True):
            label = self.names[self.codes[group[0]]]
            uses.append(LabelUse(label, self._values[pair // len(ids)], ids[pair % len(ids)], group, self._raw))
        return sorted(uses, key=lambda use: int(use.rows[0]))


def number_column(values: list[Any]) -> np.ndarray:
    """(N,) float64: numbers, and texts of numbers; NaN for all else."""
    numbers, is_clock = seconds_column(values)
    return np.where(is_clock, math.nan, numbers)


def distinct(values: list[Any]) -> tuple[list[Any], np.ndarray]:
    """The distinct values, and each item's place among them."""
    kinds = set(map(type, values))
    small = int not in kinds or all(abs(value) < SMALL for value in values if isinstance(value, int))
    if kinds <= {str, int, type(None)} and small:
        keys: list[Any] = values
    else:  # 1, 1.0 and True are equal, lists cannot be looked up, and whole numbers can be chosen to have one hash
        keys = [(type(value), value if isinstance(value, str) else repr(value)) for value in values]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    codes = np.fromiter(map(places.__getitem__, keys), dtype=np.int64, count=len(keys))
    _, rows = np.unique(codes, return_index=True)
    return [values[row] for row in rows.tolist()], codes
