"""``mmdel check`` of files of events alone; of configs, see tests/tools/data/test_check.py."""

from __future__ import annotations

import json

import pytest

from mmdel.commands import main


def check(capsys, *args):
    with pytest.raises(SystemExit) as ended:
        main(['check', *map(str, args)])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_files_of_events_are_examined_without_a_config(tmp_path, capsys):
    (tmp_path / 'x.csv').write_text('video,start,end,label\na,1,2,dog\na,3,2,dog\nb,1,2,Dog\n')
    status, out, _ = check(capsys, tmp_path / 'x.csv', '--json', tmp_path / 'report.json')
    assert status == 0 and 'error 0, warning 2, info 0' in out
    assert 'warning reversed-event, video a, line 3' in out and "'dog'" in out
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['counts'] == dict(error=0, warning=2, info=0) and report['classes'] == ['Dog', 'dog']
    (tmp_path / 'y.csv').write_text('video,start,end,label\na,x,2,dog\n')
    status, out, _ = check(capsys, tmp_path / 'x.csv', tmp_path / 'y.csv')
    assert status == 1 and 'error wrong-segment, video a, y.csv, line 2' in out
    status, _, err = check(capsys, tmp_path / 'x.csv', '--fix', tmp_path / 'z.json')
    assert status == 2 and '--fix needs a config' in err


def test_a_config_stands_alone(tmp_path, capsys):
    status, _, err = check(capsys, 'a.py', 'b.py')
    assert status == 2 and 'name one config, or files of events alone, got a.py, b.py' in err


def test_real_files_are_examined(shared_data, capsys):
    folder = shared_data / 'annotations'
    assert check(capsys, folder / 'thumos14.json')[0] == 0
    status, out, _ = check(capsys, folder / 'lfav_val_audio.csv', folder / 'lfav_test_audio.csv')
    assert status == 0 and '35 classes' in out
