"""What was found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from terminaltables import AsciiTable

from mmdel.datasets.checks.diagnosis import Diagnosis
from mmdel.datasets.checks.statistics import file_statistics
from mmdel.events.problems import KINDS, SEVERITIES, Problem, some_of


def problem_table(problems: Sequence[Problem]) -> str:
    """A row for each kind: how often, in how many videos, and the first of them."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.severity, problem.kind), []).append(problem)
    rows: list[list[Any]] = [['', 'problem', 'number', 'videos', 'first', 'what it is']]
    for (severity, kind), group in groups.items():
        video_ids = list(dict.fromkeys(problem.video_id for problem in group if problem.video_id))
        rows.append([severity, kind, len(group), len(video_ids), some_of(video_ids), KINDS[kind].meaning])
    return AsciiTable(rows).table


def count_severities(problems: Sequence[Problem]) -> dict[str, int]:
    """Severity → number of problems."""
    return {severity: sum(problem.severity == severity for problem in problems) for severity in SEVERITIES}


def detail_lines(problems: Sequence[Problem], max_lines: int) -> list[str]:
    """A line for each problem, at most so many; each kind has its turn before one has a second."""
    turns: Counter = Counter()
    order = []
    for place, problem in enumerate(problems):
        turns[problem.kind] += 1
        order.append((turns[problem.kind], place))
    shown = sorted(place for _, place in sorted(order)[:max_lines])
    lines = [f'{problems[place].severity} {problems[place].line()}' for place in shown]
    return lines + ([f'... and {len(problems) - len(shown)} more'] if len(shown) < len(problems) else [])


def to_dict(diagnosis: Diagnosis, config: str) -> dict[str, Any]:
    """Everything, as JSON takes it; ``Problem(**item)`` of an item of ``problems`` is the problem."""
    return dict(
        config=config,
        num_files=diagnosis.num_files,
        counts=count_severities(diagnosis.problems),
        problems=[problem.to_dict() for problem in diagnosis.problems],
        annotations=[
            dict(ann_file=x.ann_file, classes=list(x.uses[0][1].classes), subsets=file_statistics(x.videos()))
            for x in diagnosis.sources
        ],
    )
