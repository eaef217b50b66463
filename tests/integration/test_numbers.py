"""What is no number is refused with file, place and value: by a training, by the doctor and by evaluate.py, alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkable_data import CheckableData

from mmdel.datasets.checks import diagnose
from mmdel.datasets.from_config import build_datasets
from mmdel.utils.errors import UserInputError

VIDEO = 'test_01'
NO_TIMES: list[Any] = [True, None, 'x', '', '1_0', float('nan'), float('inf'), 1e308, -1e308, 10**400, [1], {'at': 1}]
NO_LABELS: list[Any] = [None, True, 1.5, ['bark'], {'name': 'bark'}, '', ' ']
CASES = [
    *(('wrong-segment', 'segment', [value, 2]) for value in NO_TIMES),
    *(('wrong-segment', 'segment', [1, value]) for value in NO_TIMES),
    *(('wrong-segment', 'segment', value) for value in (7, '1-2', [1], [1, 2, 3], {'start': 1}, None)),
    *(('wrong-label', 'label', value) for value in NO_LABELS),
    *(('wrong-duration', 'duration', value) for value in NO_TIMES if value is not None),
    *(('wrong-duration', 'duration', value) for value in (0, -3)),
    *(('wrong-fps', 'fps', value) for value in (True, 'x', float('nan'), 0, -25, [25], {})),
    ('reversed-event', 'segment', [5, 2]),
]


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> CheckableData:
    return CheckableData(tmp_path_factory.mktemp('numbers') / 'data', num_train=1, num_test=2)


@pytest.mark.parametrize(('kind', 'field', 'value'), CASES)
def test_all_say_the_same(kind: str, field: str, value: Any, data: CheckableData, logged, run_tool_here) -> None:
    database = json.loads(json.dumps(data.database))
    place = database[VIDEO] if field in database[VIDEO] else database[VIDEO]['annotations'][1]
    place[field] = value
    data.ann_file.write_text(json.dumps(dict(database=database)))
    result = write_result(data.root)
    cfg = data.cfg()
    (line,) = (problem.line() for problem in diagnose(cfg, headers_only=True).problems if problem.kind == kind)
    parts = kind, VIDEO, str(data.ann_file), '5-2 s' if kind == 'reversed-event' else str(value)[:5]
    assert all(part in line for part in parts)  # the first digits of a huge number
    if kind == 'reversed-event':  # it is left out, and said
        build_datasets(cfg, 'test')
        loaded = '\n'.join(logged)
    else:
        with pytest.raises(UserInputError) as error:
            build_datasets(cfg, 'test')
        loaded = str(error.value)
        assert line in loaded
    scored = run_tool_here('tools/analysis/evaluate.py', data.ann_file, result)
    assert scored.returncode == (0 if kind == 'reversed-event' else 2)
    assert all(part in text for part in parts for text in (loaded, scored.stdout + scored.stderr))


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        *(('score', value) for value in (True, 'x', '', [0.5], {'a': 1}, float('inf'), 10**400)),
        *(('segment', value) for value in (True, 'x', '', [0.5], {'a': 1}, float('inf'), 10**400)),
        *(('label', value) for value in (True, '', [0.5], {'a': 1}, float('inf'))),  # a number is that of a class
    ],
)
def test_predictions_are_judged_so_too(field: str, value: Any, data: CheckableData, run_tool_here) -> None:
    data.save()
    wrong = [value, 2] if field == 'segment' else value
    scored = run_tool_here('tools/analysis/evaluate.py', data.ann_file, write_result(data.root, **{field: wrong}))
    assert scored.returncode == 2
    assert all(text in scored.stderr for text in ('result.json', VIDEO, str(value)[:5]))


def write_result(folder: Path, **change: Any) -> Path:
    """A result file of one prediction."""
    path = folder / 'result.json'
    path.write_text(json.dumps(dict(results={VIDEO: [dict(segment=[1, 2], label='bark', score=0.5) | change]})))
    return path
