"""The tool as people run it: what it prints and writes, its exit status, and that what it cleans is clean."""

from __future__ import annotations

import json
import re
import shlex

import numpy as np
import pytest
from checkable_data import CheckableData
from mmengine.config import Config
from mmengine.registry import DATASETS

from mmdel.events.problems import Problem

TOOL = 'tools/data/check.py'


@pytest.fixture
def data(tmp_path):
    return CheckableData(tmp_path / 'data')


@pytest.fixture
def run(run_tool_here):
    return lambda *args: run_tool_here(TOOL, *args)


BREAKS = {  # one for each way to cure
    'wrong-duration': lambda data, video_id: data.database[video_id].update(duration=0),
    'event-beyond-video': lambda data, video_id: data.events(video_id)[0].update(segment=[1, 901]),
    'duplicate-event': lambda data, video_id: data.events(video_id).append(data.events(video_id)[0]),
    'label-id-clash': lambda data, video_id: data.events(video_id)[0].update(label_id=1),
    'unreadable-file': lambda data, video_id: data.path(video_id, 'rgb').write_bytes(b'\x93NUMPY'),
}


def test_clean_data_are_called_clean(data, run_tool):
    done = run_tool(TOOL, data.config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '24 feature files opened' in done.stdout and 'error 0, warning 0, info 0' in done.stdout
    assert '3 classes of 8 to 8 events' in done.stdout and 'problem' not in done.stdout


def test_what_is_planted_is_found_and_what_is_fixed_is_clean_and_loads(run, tmp_path):
    data = CheckableData(tmp_path / 'data', num_train=7)
    planted = {(kind, f'train_{number:02d}') for number, kind in enumerate(BREAKS)}
    for kind, video_id in planted:
        BREAKS[kind](data, video_id)
    data.save()
    report, cleaned = tmp_path / 'report.json', tmp_path / 'cleaned.json'
    done = run(data.config, '--json', report, '--fix', cleaned, '--max-lines', 30)
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    problems = [Problem(**item) for item in json.loads(report.read_text())['problems']]
    assert {(problem.kind, problem.video_id) for problem in problems} == planted and len(problems) == len(planted)
    assert all(f'{problem.severity} {problem.line()}' in done.stdout for problem in problems)
    assert 'error 3, warning 2, info 0' in done.stdout

    dropped, changed = 2, 3
    database = json.loads(cleaned.read_text())['database']
    assert len(database) == len(data.database) - dropped and f'dropped videos: {dropped}' in done.stdout
    assert sum(entry != data.database[name] for name, entry in database.items()) == changed
    command = next(line for line in done.stdout.splitlines() if line.startswith('mmdel train '))
    _, _, config, _, *options = shlex.split(command)
    again = run(config, '--cfg-options', *options)
    assert again.returncode == 0 and 'error 0, warning 0' in again.stdout, again.stdout
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(option.split('=') for option in options))
    for split in ('train', 'val', 'test'):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        assert len([dataset[index] for index in range(len(dataset))]) == (5 if split == 'train' else 3)


def test_it_says_what_it_would_fix_and_what_it_cannot(data, run, tmp_path):
    data.events('test_00').append(data.events('test_00')[0])
    data.save()
    done = run(data.config, '--cfg-options', 'test_dataloader=None', 'val_dataloader.dataset.subset=extra')
    assert done.returncode == 1 and 'for you to mend: empty-subset' in done.stdout and '--fix' not in done.stdout
    done = run(data.config)
    command = next(line for line in done.stdout.splitlines() if line.startswith('fix it (dropped events: 1): '))
    assert command.endswith(f'{TOOL} {data.config} --fix OUT.json')
    done = run(
        data.config, '--cfg-options', 'test_dataloader=None', 'val_dataloader=None', '--fix', tmp_path / 'no.json'
    )
    assert done.returncode == 0 and 'nothing to fix' in done.stdout and not (tmp_path / 'no.json').exists()
    done = run(data.config, '--fix', data.ann_file)
    assert done.returncode == 2 and 'exists and is left alone' in done.stderr
    done = run(data.config, '--fix', tmp_path / 'new.json')
    assert 'note: 1 of the videos that are scored changed' in done.stdout and 'no event is left' not in done.stdout


def test_a_fix_names_the_classes_that_it_leaves_without_an_event(data, run, tmp_path):
    for number, entry in enumerate(data.database.values()):
        entry['annotations'] = [event for event in entry['annotations'] if event['label'] != 'bell' or number == 0]
    data.events('train_00')[1]['segment'] = [3, 2]
    data.save()
    done = run(data.config, '--fix', tmp_path / 'numbered.json')
    assert 'note: no event is left of 1 of 3 classes (bell); the others keep their numbers' in done.stdout
    for entry in data.database.values():
        entry['annotations'] = [dict(event, label_id=None) for event in entry['annotations']]
    data.save()
    done = run(data.config, '--fix', tmp_path / 'sorted.json')
    assert 'note: no event is left of 1 of 3 classes (bell); classes are numbered anew' in done.stdout


def test_no_fix_drops_all_videos_of_a_subset(data, run, tmp_path):
    for entry in data.database.values():
        del entry['fps']
    data.save()
    done = run(data.config)
    assert done.returncode == 1 and 'missing-fps' in done.stdout and '--fix' not in done.stdout
    done = run(
        data.config, '--cfg-options', 'train_dataloader.dataset.streams.visual.channels=11', '--fix', tmp_path / 'x'
    )
    assert 'nothing would be left of train (dropped videos: 5)' in done.stdout and not (tmp_path / 'x').exists()


def test_headers_alone_tell_no_content(data, run):
    data.change('train_00', 'rgb', lambda feature: np.nan * feature)
    assert run(data.config).returncode == 1
    assert run(data.config, '--headers-only').returncode == 0


def test_ids_may_be_any_text(data, run, tmp_path):
    for video_id in ('\ud800', 'a\0b', '../..', '', '日本'):
        data.database[video_id] = data.database['train_00']
    data.save()
    done = run(data.config, '--json', tmp_path / 'report.json')
    assert done.returncode == 1 and '\\ud800' in done.stdout
    problems = json.loads((tmp_path / 'report.json').read_text())['problems']
    assert [problem['kind'] for problem in problems] == 15 * ['missing-file']


def test_10000_videos_would_take_less_than_a_minute(run, tmp_path):
    """Three files a video, their headers; the full number was measured by hand."""
    data = CheckableData(tmp_path / 'data', num_train=400)
    done = run(data.config, '--headers-only', '--workers', 2)
    seconds = float(re.search(r'1209 feature files opened, ([\d.]+) s', done.stdout)[1])
    assert done.returncode == 0 and seconds / 403 * 10_000 < 60


@pytest.mark.parametrize(
    ('name', 'text', 'said'),
    [
        ('data/annotations.json', '{"database": {"a"', 'annotations.json is not JSON'),
        ('config.py', 'model = dict()', 'no mmdel.EventDataset'),
        ('config.py', 'model = (', 'cannot be read'),
        ('config.py', 'a = 1 / 0', 'division'),
    ],
)
def test_what_cannot_be_examined_ends_in_one_message(data, run, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    done = run(tmp_path / name if name == 'config.py' else data.config)
    assert done.returncode == 2 and said in done.stderr and 'Traceback' not in done.stderr
    assert done.stderr.startswith('error: ')
