from __future__ import annotations

import json

import pytest

from mmdel.datasets.checks import (
    KINDS,
    Defect,
    count_severities,
    defect_table,
    detail_lines,
    diagnose,
    to_dict,
    write_json,
)
from mmdel.datasets.from_config import find_uses
from mmdel.utils.errors import UserInputError

DEFECTS = [Defect('missing-file', 'no such file', 'one', f'v{index // 2}', f'{index}.npy') for index in range(10)]
DEFECTS += [Defect('unseen-class', "'a'", 'some', 'w'), Defect('missing-file', 'none', 'one', 'w', severity='warning')]


def test_a_row_for_each_kind_and_severity():
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in defect_table(DEFECTS).splitlines()]
    meaning = KINDS['missing-file'].meaning
    assert [row for row in rows if row][1:] == [
        ['error', 'missing-file', '10', '5', 'v0, v1, v2, …', meaning],
        ['warning', 'unseen-class', '1', '1', 'w', KINDS['unseen-class'].meaning],
        ['warning', 'missing-file', '1', '1', 'w', meaning],
    ]
    assert count_severities(DEFECTS) == dict(error=10, warning=2, info=0)


def test_each_kind_has_a_line_before_one_has_two():
    lines = detail_lines(DEFECTS, 3)
    assert lines == [DEFECTS[0].line(), DEFECTS[1].line(), DEFECTS[10].line(), '... and 9 more']
    assert len(detail_lines(DEFECTS, 100)) == 12
    assert detail_lines(DEFECTS, 0) == ['... and 12 more'] and detail_lines([], 5) == []


def test_json_round_trip(data, tmp_path):
    data.path('train_01', 'rgb').unlink()
    data.events('test_01')[1]['segment'] = [float('nan'), 2]
    data.save()
    diagnosis = diagnose(find_uses(data.cfg()))
    write_json(tmp_path / 'new' / 'report.json', to_dict(diagnosis, 'config.py'))
    content = json.loads((tmp_path / 'new' / 'report.json').read_text())
    assert [Defect(**item) for item in content['defects']] == diagnosis.defects and len(diagnosis.defects) == 2
    assert content['num_files'] == 23 and content['counts']['error'] == 2
    (file,) = content['annotations']
    assert file['classes'] == ['bark', 'bell', 'car']
    assert file['subsets']['train']['num_videos'] == 5 and file['subsets']['test']['num_events'] == 8


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserInputError, match='Cannot write'):
        write_json(tmp_path / 'file' / 'report.json', {})
