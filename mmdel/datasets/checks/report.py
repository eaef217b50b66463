"""What was found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from terminaltables import AsciiTable

from mmdel.datasets.annotation_file import some_of
from mmdel.datasets.checks.defects import KINDS, SEVERITIES, Defect
from mmdel.datasets.checks.diagnosis import Diagnosis
from mmdel.datasets.checks.statistics import file_statistics
from mmdel.utils.errors import UserInputError


def defect_table(defects: Sequence[Defect]) -> str:
    """A row for each kind: how often, in how many videos, and the first of them."""
    groups: dict[tuple[str, str], list[Defect]] = {}
    for defect in defects:
        groups.setdefault((defect.severity, defect.kind), []).append(defect)
    rows: list[list[Any]] = [['', 'defect', 'number', 'videos', 'first', 'what it is']]
    for (severity, kind), group in groups.items():
        video_ids = list(dict.fromkeys(defect.video_id for defect in group if defect.video_id))
        rows.append([severity, kind, len(group), len(video_ids), some_of(video_ids), KINDS[kind].meaning])
    return AsciiTable(rows).table


def count_severities(defects: Sequence[Defect]) -> dict[str, int]:
    """Severity → number of defects."""
    return {severity: sum(defect.severity == severity for defect in defects) for severity in SEVERITIES}


def detail_lines(defects: Sequence[Defect], max_lines: int) -> list[str]:
    """A line for each defect, at most so many; each kind has its turn before one has a second."""
    turns: dict[str, int] = {}
    order = []
    for place, defect in enumerate(defects):
        turns[defect.kind] = turns.get(defect.kind, 0) + 1
        order.append((turns[defect.kind], place))
    shown = sorted(place for _, place in sorted(order)[:max_lines])
    lines = [defects[place].line() for place in shown]
    return lines + ([f'... and {len(defects) - len(shown)} more'] if len(shown) < len(defects) else [])


def to_dict(diagnosis: Diagnosis, config: str) -> dict[str, Any]:
    """Everything, as JSON takes it; ``Defect(**item)`` of an item of ``defects`` is the defect."""
    return dict(
        config=config,
        num_files=diagnosis.num_files,
        counts=count_severities(diagnosis.defects),
        defects=[defect.to_dict() for defect in diagnosis.defects],
        annotations=[
            dict(
                ann_file=source.annotations.ann_file,
                classes=list(source.annotations.classes),
                subsets=file_statistics(source.annotations),
            )
            for source in diagnosis.sources
        ],
    )


def write_json(path: str | Path, content: dict[str, Any]) -> None:
    """Write a report; folders are created.

    Raises:
        UserInputError: If it cannot be written.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
    except OSError as error:
        raise UserInputError(f'Cannot write to {path}: {error.strerror}') from error
