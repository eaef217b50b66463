"""The tool as people run it: what it prints and writes, its exit status, and that what it cleans is clean."""

from __future__ import annotations

import json
import re
import shlex

import numpy as np
import pytest
from checkable_data import PARTS, CheckableData
from mmengine.config import Config
from mmengine.registry import DATASETS

from mmdel.datasets.problems import Problem

TOOL = 'tools/data/check.py'


@pytest.fixture
def run(run_tool_here):
    return lambda *args: run_tool_here(TOOL, *args)


def set_segment(*segment):
    return lambda data, video_id: data.events(video_id)[0].update(segment=segment)


def change(part, function):
    return lambda data, video_id: data.change(video_id, part, function)


def copy_test_video(data, video_id):
    for part in PARTS:
        data.path(video_id, part).write_bytes(data.path('test_01', part).read_bytes())
    data.database[video_id]['duration'] = data.database['test_01']['duration']


BREAKS = {
    'wrong-entry': lambda data, video_id: data.database.update({video_id: 'no entry'}),
    'wrong-duration': lambda data, video_id: data.database[video_id].update(duration=0),
    'reversed-event': set_segment(2, 1),
    'empty-event': set_segment(900, 901),
    'event-beyond-video': set_segment(1, 901),
    'duplicate-event': lambda data, video_id: data.events(video_id).append(data.events(video_id)[0]),
    'wrong-label': lambda data, video_id: data.events(video_id)[0].pop('label'),
    'label-id-clash': lambda data, video_id: data.events(video_id)[0].update(label_id=1),
    'missing-file': lambda data, video_id: data.path(video_id, 'flow').unlink(),
    'unreadable-file': lambda data, video_id: data.path(video_id, 'rgb').write_bytes(b'\x93NUMPY'),
    'wrong-array': change('rgb', lambda feature: feature[None]),
    'not-finite': change('vggish', lambda feature: np.nan * feature),
    'transposed-feature': change('vggish', lambda feature: feature.T),
    'wrong-width': change('vggish', lambda feature: feature[:, 1:]),
    'parts-differ': change('flow', lambda feature: feature[:-5]),
    'wrong-length': change('vggish', lambda feature: feature[: len(feature) // 2]),
    'leak-features': copy_test_video,
}


def test_clean_data_are_called_clean(tmp_path, run_tool):
    data = CheckableData(tmp_path / 'data')
    done = run_tool(TOOL, data.config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '24 feature files opened' in done.stdout and 'error 0, warning 0, info 0' in done.stdout
    assert '3 classes of 8 to 8 events' in done.stdout and 'problem' not in done.stdout


def test_every_planted_problem_is_found_and_what_is_fixed_is_clean_and_loads(tmp_path, run):
    data = CheckableData(tmp_path / 'data', num_train=20, num_test=3)
    planted = {(kind, f'train_{number:02d}') for number, kind in enumerate(BREAKS, 1)}
    for kind, video_id in planted:
        BREAKS[kind](data, video_id)
    data.save()
    report, cleaned = tmp_path / 'report.json', tmp_path / 'cleaned.json'
    done = run(data.config, '--json', report, '--fix', cleaned, '--max-lines', 30)
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    problems = [Problem(**item) for item in json.loads(report.read_text())['problems']]
    assert {(problem.kind, problem.video_id) for problem in problems} == planted and len(problems) == len(planted)
    assert all(f'{problem.severity} {problem.line()}' in done.stdout for problem in problems)
    assert 'error 13, warning 4, info 0' in done.stdout

    dropped, changed = 11, 6
    database = json.loads(cleaned.read_text())['database']
    assert len(database) == len(data.database) - dropped and f'dropped videos: {dropped}' in done.stdout
    assert sum(entry != data.database[name] for name, entry in database.items()) == changed
    command = next(line for line in done.stdout.splitlines() if line.startswith('python tools/train.py'))
    _, _, config, _, *options = shlex.split(command)
    again = run(config, '--cfg-options', *options)
    assert again.returncode == 0 and 'error 0, warning 0' in again.stdout, again.stdout
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(option.split('=') for option in options))
    for split in ('train', 'val', 'test'):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        assert len([dataset[index] for index in range(len(dataset))]) == (9 if split == 'train' else 3)


def test_it_says_what_it_would_fix_and_what_it_cannot(tmp_path, run):
    data = CheckableData(tmp_path / 'data')
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
    done = run(data.config, '--fix', tmp_path / 'new.json')
    assert 'note: 1 of the videos that are scored changed' in done.stdout and 'no event is left' not in done.stdout


def test_a_fix_names_the_classes_that_it_leaves_without_an_event(tmp_path, run):
    data = CheckableData(tmp_path / 'data')
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


def test_no_fix_drops_all_videos_of_a_subset(tmp_path, run):
    data = CheckableData(tmp_path / 'data')
    for entry in data.database.values():
        del entry['fps']
    data.save()
    done = run(data.config)
    assert done.returncode == 1 and 'missing-fps' in done.stdout and '--fix' not in done.stdout
    done = run(
        data.config, '--cfg-options', 'train_dataloader.dataset.streams.visual.channels=11', '--fix', tmp_path / 'x'
    )
    assert 'nothing would be left of train (dropped videos: 5)' in done.stdout and not (tmp_path / 'x').exists()


def test_headers_alone_tell_no_content(tmp_path, run):
    data = CheckableData(tmp_path / 'data')
    data.change('train_00', 'rgb', lambda feature: np.nan * feature)
    assert run(data.config).returncode == 1
    assert run(data.config, '--headers-only').returncode == 0


def test_ids_may_be_any_text(tmp_path, run):
    data = CheckableData(tmp_path / 'data')
    for video_id in ('\ud800', 'a\0b', '../..', '', '日本'):
        data.database[video_id] = data.database['train_00']
    data.save()
    done = run(data.config, '--json', tmp_path / 'report.json')
    assert done.returncode == 1 and '\\ud800' in done.stdout
    problems = json.loads((tmp_path / 'report.json').read_text())['problems']
    assert [problem['kind'] for problem in problems] == 15 * ['missing-file']


def test_10000_videos_would_take_less_than_a_minute(tmp_path, run):
    """Three files a video, their headers; the full number was measured by hand."""
    data = CheckableData(tmp_path / 'data', num_train=400)
    done = run(data.config, '--headers-only', '--workers', 2)
    seconds = float(re.search(r'1209 feature files opened, ([\d.]+) s', done.stdout)[1])
    assert done.returncode == 0 and seconds / 403 * 10_000 < 60


def failing(tmp_path, name):
    """A config with which nothing can be examined, and what the message must say."""
    data = CheckableData(tmp_path / 'data')
    config = tmp_path / 'other.py'
    if name == 'no annotation file':
        data.ann_file.unlink()
        return data.config, 'annotations.json: No such file'
    if name == 'no JSON':
        data.ann_file.write_text('{"database": {"a"')
        return data.config, 'annotations.json is not JSON'
    if name == 'no config':
        return config, 'there is no config file'
    config.write_text({'no data set': 'model = dict()', 'no Python': 'model = (', 'an error': 'a = 1 / 0'}[name])
    return config, {'no data set': 'no mmdel.EventDataset', 'no Python': 'cannot be read', 'an error': 'division'}[name]


@pytest.mark.parametrize('name', ['no annotation file', 'no JSON', 'no config', 'no data set', 'no Python', 'an error'])
def test_what_cannot_be_examined_ends_in_one_message(tmp_path, run, name):
    config, message = failing(tmp_path, name)
    done = run(config)
    assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr
    assert done.stderr.startswith('error: ')


def test_an_existing_file_is_left_alone(tmp_path, run):
    data = CheckableData(tmp_path / 'data')
    before = data.ann_file.read_text()
    done = run(data.config, '--fix', data.ann_file)
    assert done.returncode == 2 and 'exists and is left alone' in done.stderr and data.ann_file.read_text() == before
