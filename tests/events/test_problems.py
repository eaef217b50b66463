from __future__ import annotations

import pickle

import pytest

from mmdel.events.problems import Problem, ProblemError, raise_first, warn_of

PROBLEMS = [
    Problem('empty-event', '3-3 s', 'start before end', 'a', 'x.json', 0, 'event 0'),
    Problem('empty-event', '4-4 s', 'start before end', 'a', 'x.json', 1, 'event 1'),
    Problem('wrong-width', '5 channels', '6', 'b', 'b.npy'),
    Problem('missing-file', 'no such file', 'one', 'c', 'c.npy', severity='warning'),
    Problem('wrong-fps', 'fps 0', 'a positive number', 'd', 'x.json'),
]


def test_a_problem_tells_its_place_and_comes_back_from_its_fields():
    assert PROBLEMS[0].line() == 'empty-event, video a, event 0, x.json: 3-3 s; expected start before end'
    assert Problem('no-event', 'none', 'some').line() == 'no-event: none; expected some'
    assert [Problem(**problem.to_dict()) for problem in PROBLEMS] == PROBLEMS
    assert [problem.severity for problem in PROBLEMS] == ['warning', 'warning', 'error', 'warning', 'error']


def test_the_first_error_is_raised_with_its_line_also_by_another_process():
    raise_first(PROBLEMS[:2])
    with pytest.raises(ProblemError) as raised:
        raise_first(PROBLEMS)
    assert str(raised.value) == PROBLEMS[2].line() and raised.value.problem == PROBLEMS[2]
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.problem) == (PROBLEMS[2].line(), PROBLEMS[2])
    assert str(ProblemError('as a data loading worker makes it anew')) == 'as a data loading worker makes it anew'


def test_warnings_are_one_line_a_kind(logged):
    warn_of(PROBLEMS)
    assert [line.split(':')[:2] for line in logged] == [
        ['x.json', ' empty-event, 2 times (videos a)'],
        ['c.npy', ' missing-file, 1 times (videos c)'],
    ]
    assert logged[0].endswith('; e.g. 3-3 s')
    logged.clear()
    warn_of([Problem('mixed-labels', "the number 3 and the text 'x'", 'all texts', file='x.json')])
    assert logged[0].startswith('x.json: mixed-labels, 1 times: ') and logged[0].endswith("and the text 'x'")
