"""What a study has found, from the results of its runs alone: a table, numbers for machines, and a picture."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from study_file import Result, Row, Run, Study
from terminaltables import GithubFlavoredMarkdownTable

from mmdel.utils.picture_labels import as_written

DPI = 150
MAX_LABEL = 60  # characters of a name in a picture


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over seeds, its standard error (None of one seed), and of how many it is."""

    mean: float
    error: float | None
    num: int


@dataclasses.dataclass(frozen=True)
class RowSummary:
    """What the seeds of a row have found together.

    Attributes:
        row: Name of the row.
        line: The trained row that it is, or is a test of.
        at: The condition.
        seeds: Those that are done.
        score: The metric that counts, after the last epoch.
        difference: Of the same seeds, to the reference at the same condition; None of the reference itself, and where
            no seed is common.
        tious: The metric at single tIoUs after the last epoch, by their names.
        epochs: The metric that counts after each validated epoch.
        parameters: Of the model.
        gflops: For a video of ``num_steps``.
        num_steps: See there.
        minutes: Of a run.
    """

    row: str
    line: str
    at: str | None
    seeds: list[int]
    score: Estimate
    difference: Estimate | None
    tious: dict[str, Estimate]
    epochs: dict[int, Estimate]
    parameters: int
    gflops: float | None
    num_steps: int
    minutes: Estimate


@dataclasses.dataclass(frozen=True)
class Summary:
    """A whole study.

    Attributes:
        rows: Those with a seed that is done.
        notes: What is missing and why, and what else is to be known, a line each.
        commits: Of the code of its runs.
        results: What all this is computed from.
    """

    rows: list[RowSummary]
    notes: list[str]
    commits: list[str]
    results: list[Result]


def estimate(values: Iterable[float]) -> Estimate:
    """The mean, and its standard error: the standard deviation (of a sample, n - 1) over √n."""
    found = list(values)
    error = stdev(found) / math.sqrt(len(found)) if len(found) > 1 else None
    return Estimate(mean(found), error, len(found))


def summarize(study: Study, runs: Sequence[Run]) -> Summary:
    """Reads the results of a study's runs; those of another config are left out and named.

    Raises:
        UserInputError: If the file of a result is none.
    """
    notes, done = [], dict[str, dict[int, Result]]()
    for run in runs:
        result = run.read()
        if result is None:
            notes.append(f'missing: {run}')
        elif run.is_stale(result):
            notes.append(f'missing: {run}, whose result is of another config')
        elif result.state == 'done':
            done.setdefault(run.row.name, {})[run.seed] = result
        else:
            notes.append(
                f'missing: {run}, ' + (f'failed: {result.error}' if result.state == 'failed' else 'unfinished')
            )
    names = {(row.line, row.at): row.name for row in study.rows}
    rows = []
    for row in study.rows:
        if row.name in done:
            reference = names.get((study.reference, row.at), study.reference)
            other = {} if reference == row.name else done.get(reference, {})
            rows.append(_summarize_row(row, study.metric, done[row.name], other))
    results = [result for by_seed in done.values() for result in by_seed.values()]
    return Summary(rows, notes, sorted({result.commit or 'unknown' for result in results}), results)


def _summarize_row(row: Row, metric: str, results: Mapping[int, Result], other: Mapping[int, Result]) -> RowSummary:
    """What the results of a row, by seeds, say together, and against those of another."""
    found = list(results.values())
    scores = {seed: result.last[metric] for seed, result in results.items()}
    differences = [score - other[seed].last[metric] for seed, score in scores.items() if seed in other]
    keys = [key for key in found[0].last if all(key in result.last for result in found)]
    tious = [key for key in keys if key.startswith(f'{metric}@')]
    epochs = [epoch for epoch in found[0].metrics if all(epoch in result.metrics for result in found)]
    return RowSummary(
        row.name,
        row.line,
        row.at,
        sorted(scores),
        estimate(scores.values()),
        estimate(differences) if differences else None,
        {key.rpartition('@')[2]: estimate(result.last[key] for result in found) for key in tious},
        {int(epoch): estimate(result.metrics[epoch][metric] for result in found) for epoch in epochs},
        found[0].parameters,
        found[0].gflops,
        found[0].num_steps,
        estimate(result.minutes for result in found),
    )


def table_text(study: Study, summary: Summary, with_epochs: bool) -> str:
    """A Markdown table of the rows, and the notes below it.

    Args:
        study: The study.
        summary: Of :func:`summarize`.
        with_epochs: A column for each validated epoch.
    """
    rows, name = summary.rows, study.metric.rpartition('/')[2]
    tious = list(dict.fromkeys(tiou for row in rows for tiou in row.tious))
    epochs = sorted({epoch for row in rows for epoch in row.epochs}) if with_epochs else []
    head = ['row', 'seeds', name, f'to {study.reference}', *tious, *(f'epoch {epoch}' for epoch in epochs)]
    cells = [[*head, 'parameters', 'GFLOPs (steps)', 'minutes']]
    for row in rows:
        cells.append(
            [
                as_cell(row.row),
                ', '.join(map(str, row.seeds)),
                with_error(row.score),
                with_error(row.difference, signed=True),
                *(f'{row.tious[tiou].mean:.1f}' if tiou in row.tious else '' for tiou in tious),
                *(with_error(row.epochs.get(epoch)) for epoch in epochs),
                f'{row.parameters:,}',
                '' if row.gflops is None else f'{row.gflops:.2f} ({row.num_steps})',
                f'{row.minutes.mean:.1f}',
            ]
        )
    text = f'{name} after the last epoch, mean ± standard error over seeds; differences are of the same seeds.'
    notes = [text, *(['commits: ' + ', '.join(summary.commits)] if summary.commits else []), *summary.notes]
    return '\n'.join([GithubFlavoredMarkdownTable(cells).table, '', *notes])


def with_error(value: Estimate | None, signed: bool = False) -> str:
    """``84.53 ± 0.03``; of one seed without the error."""
    if value is None:
        return ''
    text = f'{value.mean:+.2f}' if signed else f'{value.mean:.2f}'
    return text if value.error is None else f'{text} ± {value.error:.2f}'


def as_cell(text: str) -> str:
    """A text for a cell of a Markdown table."""
    return text.replace('|', '\\|')


def summary_json(study: Study, summary: Summary) -> dict:
    """The same numbers for machines, and the results, which another work directory can go on from."""
    return dict(reference=study.reference, metric=study.metric, **dataclasses.asdict(summary))


def draw(study: Study, summary: Summary) -> Figure:
    """Means with their standard errors: a line for each trained row over the conditions, or bars where there are none.

    Args:
        study: The study.
        summary: Of :func:`summarize`.
    """
    conditions = list(dict.fromkeys(row.at for row in study.rows if row.at is not None))
    rows = [row for row in summary.rows if row.at is not None or not conditions]
    axis_label = f'{study.metric.rpartition("/")[2]} [%]'
    figure = Figure(figsize=(7, 4.2) if conditions else (7, 1.2 + 0.4 * len(rows)), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if conditions:
        lines = list(dict.fromkeys(row.line for row in rows))
        for line in lines:
            own = [row for row in rows if row.line == line]
            places = [conditions.index(row.at) for row in own if row.at is not None]
            errors = [row.score.error or 0.0 for row in own]
            scores = [row.score.mean for row in own]
            axes.errorbar(places, scores, errors, marker='o', capsize=3, label=line)
        labels, style = as_written(conditions, MAX_LABEL)
        axes.set_xticks(range(len(conditions)), labels, rotation=30, ha='right', **style)
        axes.set_ylabel(axis_label)
        if rows:
            legend = figure.legend(frameon=False, loc='outside upper center', ncols=3)
            labels, style = as_written(lines, MAX_LABEL)
            written = dict(zip(lines, labels, strict=True))
            for text in legend.get_texts():
                text.set(text=written[text.get_text()], **style)
    else:
        errors = [row.score.error or 0.0 for row in rows]
        axes.barh(range(len(rows)), [row.score.mean for row in rows], xerr=errors, capsize=3, color='#2f6fde')
        labels, style = as_written([row.row for row in rows], MAX_LABEL)
        axes.set_yticks(range(len(rows)), labels, **style)
        axes.invert_yaxis()
        axes.set_xlabel(axis_label)
    axes.spines[['top', 'right']].set_visible(False)
    return figure
