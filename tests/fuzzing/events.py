"""Files of events, changed: every reader gives a table that makes sense, or says what is wrong."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from fuzzing.mutate import mutate, mutate_json, pick
from mmdel.evaluation.result_file import parse_predictions
from mmdel.events.annotations import parse_annotations
from mmdel.events.reading import read_raw
from mmdel.utils.errors import UserInputError

FOLDER = Path(__file__).parents[1] / 'events/formats'


def _samples() -> dict[str, tuple[str, bytes]]:
    found: dict[str, tuple[str, bytes]] = {}
    for path in sorted(FOLDER.glob('samples_*.py')):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= module.SAMPLES
    return found


SAMPLES = _samples()


def read_changed(rng: np.random.Generator, folder: Path, format: str, names: list[str]) -> str:
    """Reads a changed file as its format, or as that which it seems to be; judges it as truth and as results."""
    name, content = SAMPLES[pick(rng, names)]
    if content[:1] in (b'{', b'[') and rng.random() < 0.6:
        content = mutate_json(rng, content)
    if rng.random() < 0.1:
        content = content[: len(content) // 2] + pick(rng, [*SAMPLES.values()])[1]
    path = folder / name
    path.write_bytes(content if rng.random() < 0.3 else mutate(rng, content))
    try:
        raw = read_raw(path, format if rng.random() < 0.7 else None, fps=pick(rng, [25.0, None]))
    except UserInputError:
        return 'refused'
    finally:
        path.unlink()
    subsets = pick(rng, [None, None, None, ['train']])
    found = parse_annotations(raw, subsets, needs_labels=bool(rng.integers(2)))
    events = found.events
    assert np.isfinite(events.start_sec).all() and np.isfinite(events.end_sec).all()
    assert (events.start_sec <= events.end_sec).all()
    assert all(problem.line() and problem.severity in ('error', 'warning', 'info') for problem in found.problems)
    if not any(problem.severity == 'error' for problem in found.problems):
        found.records(clip=True)
    if 'score' in raw.columns:
        try:
            predicted, problems = parse_predictions(raw, list(raw.videos), list(events.labels))
            assert np.isfinite(predicted.scores).all() and np.isfinite(predicted.segments).all()
            problems.lines()
        except UserInputError:
            return 'refused'
    return 'refused' if any(problem.severity == 'error' for problem in found.problems) else 'done'


_formats: dict[str, list[str]] = {}
for _name in SAMPLES:
    _formats.setdefault(_name.split()[0], []).append(_name)
EVENTS: dict[str, Callable] = {
    f'events of {format}': partial(read_changed, format=format, names=names) for format, names in _formats.items()
}
