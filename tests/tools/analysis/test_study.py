"""The command line of studies, and one that is really trained and tested, in this process."""

import json
import re
from types import SimpleNamespace

import pytest
import study_runs
from mmengine.config import Config

TOOL = 'tools/analysis/study.py'
STUDY = """
_load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams')]
_disturb = dict(type='mmdel.DisturbStream', stream='audio', replace='zeros', replaced_share=1.0)
cfg_options = {{'train_cfg.max_epochs': 1}}
rows = [
    dict(name='DEL', config={config!r}, at='both streams'),
    dict(
        test_of='DEL',
        at='no sound',
        cfg_options={{'test_dataloader.dataset.pipeline': [*_load, _disturb, dict(type='mmdel.PackEvents')]}},
    ),
    dict(
        test_of='DEL',
        at='no sound, by the model',
        cfg_options={{'model.data_preprocessor': dict(zero_streams=['audio'])}},
    ),
    dict(name='wrong', config={config!r}, cfg_options={{'train_dataloader.dataset.subset': 'night'}}),
]
"""


@pytest.fixture
def study(tiny_config, tmp_path, run_tool_here, monkeypatch):
    """Runs the tool on a study of a trained row, two tests of it, and a row that has no data."""

    def launch(words, output, num_threads):
        done = run_tool_here(f'tools/{words[0]}.py', *words[1:])
        output.write_text(done.stdout + done.stderr)
        return SimpleNamespace(poll=lambda: done.returncode)

    monkeypatch.setattr(study_runs, 'launch', launch)
    monkeypatch.setattr(study_runs, 'POLL_SEC', 0)
    (tmp_path / 'four.py').write_text(STUDY.format(config=str(tiny_config)))
    return lambda *options: run_tool_here(TOOL, tmp_path / 'four.py', *options, cwd=tmp_path)


def test_a_study_is_trained_tested_and_shown(study, tmp_path):
    done = study('--json', 'numbers.json', '--plot', 'picture.png')
    folder = tmp_path / 'work_dirs/studies/four'
    assert done.returncode == 1, done.stderr
    assert re.search(r"1 of 4 runs are not done:\n  wrong, seed 0: .*'night'", done.stderr)
    assert '| DEL, no sound' in done.stdout and (tmp_path / 'picture.png').stat().st_size > 1000
    results = {path.parent.parent.name: json.loads(path.read_text()) for path in folder.glob('*/seed_0/result.json')}
    assert {name: result['state'] for name, result in results.items()} == {
        'DEL': 'done',
        'DEL, no sound': 'done',
        'DEL, no sound, by the model': 'done',
        'wrong': 'failed',
    }
    scores = {name: result['metrics'].get('1') for name, result in results.items()}
    assert scores['DEL'].keys() == {'event/mAP', 'event/mAP@0.5'} == scores['DEL, no sound'].keys()
    assert scores['DEL, no sound'] == scores['DEL, no sound, by the model'] != scores['DEL']
    assert results['DEL']['parameters'] > 1000 and results['DEL']['gflops'] > 0.001
    assert Config.fromfile(folder / 'DEL/seed_0/tiny.py').train_cfg.max_epochs == 1
    rows = json.loads((tmp_path / 'numbers.json').read_text())['rows']
    assert [row['score']['mean'] for row in rows] == [scores[row['row']]['event/mAP'] for row in rows]

    table = done.stdout[done.stdout.index('| row') :]
    elsewhere = study('--table', '--work-dir', 'elsewhere', '--results', 'numbers.json')
    assert elsewhere.stdout.partition('missing')[0] == table.partition('missing')[0]
    shown = study('--table')
    assert shown.returncode == 0 and shown.stdout == table


def test_what_cannot_be_is_one_line(study):
    for options, said in ((('--jobs', 0), '--jobs must be 1 or more'), (('--plot', '/proc/x.png'), '--plot /proc/x')):
        done = study('--table', *options)
        assert done.returncode == 2 and done.stderr.startswith(f'error: {said}')
