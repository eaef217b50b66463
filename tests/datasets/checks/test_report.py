from __future__ import annotations

import json

from mmdel.datasets.checks import count_severities, detail_lines, diagnose, problem_table, to_dict
from mmdel.events.problems import KINDS, Problem
from mmdel.utils.files import write_json

PROBLEMS = [Problem('missing-file', 'no such file', 'one', f'v{index // 2}', f'{index}.npy') for index in range(10)]
PROBLEMS += [
    Problem('unseen-class', "'a'", 'some', 'w'),
    Problem('missing-file', 'none', 'one', 'w', severity='warning'),
]


def test_a_row_for_each_kind_and_severity():
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in problem_table(PROBLEMS).splitlines()]
    meaning = KINDS['missing-file'].meaning
    assert [row for row in rows if row][1:] == [
        ['error', 'missing-file', '10', '5', 'v0, v1, v2, …', meaning],
        ['warning', 'unseen-class', '1', '1', 'w', KINDS['unseen-class'].meaning],
        ['warning', 'missing-file', '1', '1', 'w', meaning],
    ]
    assert count_severities(PROBLEMS) == dict(error=10, warning=2, info=0)


def test_each_kind_has_a_line_before_one_has_two():
    lines = detail_lines(PROBLEMS, 3)
    first = [f'{problem.severity} {problem.line()}' for problem in (PROBLEMS[0], PROBLEMS[1], PROBLEMS[10])]
    assert lines == [*first, '... and 9 more']
    assert len(detail_lines(PROBLEMS, 100)) == 12
    assert detail_lines(PROBLEMS, 0) == ['... and 12 more'] and detail_lines([], 5) == []


def test_json_round_trip(data, tmp_path):
    data.path('train_01', 'rgb').unlink()
    data.events('test_01')[1]['segment'] = [float('nan'), 2]
    data.save()
    diagnosis = diagnose(data.cfg())
    write_json(tmp_path / 'new' / 'report.json', to_dict(diagnosis, 'config.py'))
    content = json.loads((tmp_path / 'new' / 'report.json').read_text())
    assert [Problem(**item) for item in content['problems']] == diagnosis.problems and len(diagnosis.problems) == 2
    assert content['num_files'] == 23 and content['counts']['error'] == 2
    (file,) = content['annotations']
    assert file['classes'] == ['bark', 'bell', 'car']
    assert file['subsets']['train']['num_videos'] == 5 and file['subsets']['test']['num_events'] == 8
