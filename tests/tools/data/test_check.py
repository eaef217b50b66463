"""The tool as people run it: what it prints and writes, its exit status, and that what it cleans is clean."""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
import shlex
import subprocess
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from checkable_data import PARTS, CheckableData
from mmengine.config import Config
from mmengine.registry import DATASETS

from mmdel.datasets.checks import Defect

TOOL = 'tools/data/check.py'
ROOT = Path(__file__).parents[3]


def run(*args) -> subprocess.CompletedProcess:
    """As a process would, but in this one, where PyTorch is loaded already."""
    out, err, status = io.TextIOWrapper(io.BytesIO(), 'utf-8'), io.StringIO(), 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch('sys.argv', [TOOL, *map(str, args)]),
    ):
        try:
            runpy.run_path(str(ROOT / TOOL), run_name='__main__')
        except SystemExit as done:
            status = done.code
    out.seek(0)
    return subprocess.CompletedProcess(args, status, out.read(), err.getvalue())


@pytest.fixture(scope='module')
def broken(tmp_path_factory) -> tuple[CheckableData, set[tuple[str, str]]]:
    """Data with 22 defects, each in a video of its own, and (kind, video id) of them all."""
    data = CheckableData(tmp_path_factory.mktemp('broken') / 'data', num_train=24, num_test=3)
    for number, break_it in enumerate(BREAKS.values(), 1):
        break_it(data, f'train_{number:02d}')
    data.save()
    return data, {(kind, f'train_{number:02d}') for number, kind in enumerate(BREAKS, 1)}


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
    'missing-subset': lambda data, video_id: data.database[video_id].pop('subset'),
    'wrong-duration': lambda data, video_id: data.database[video_id].update(duration=0),
    'missing-fps': lambda data, video_id: data.database[video_id].pop('fps'),
    'reversed-event': set_segment(2, 1),
    'zero-length-event': set_segment(2, 2),
    'event-outside-video': set_segment(900, 901),
    'event-beyond-video': set_segment(1, 901),
    'duplicate-event': lambda data, video_id: data.events(video_id).append(data.events(video_id)[0]),
    'missing-label': lambda data, video_id: data.events(video_id)[0].pop('label'),
    'label-id-clash': lambda data, video_id: data.events(video_id)[0].update(label_id=1),
    'missing-file': lambda data, video_id: data.path(video_id, 'flow').unlink(),
    'unreadable-file': lambda data, video_id: data.path(video_id, 'rgb').write_bytes(b'\x93NUMPY'),
    'wrong-dtype': change('rgb', lambda feature: feature > 0),
    'wrong-ndim': change('rgb', lambda feature: feature[None]),
    'empty-feature': change('rgb', lambda feature: feature[:0]),
    'not-finite': change('vggish', lambda feature: np.nan * feature),
    'transposed-feature': change('vggish', lambda feature: feature.T),
    'wrong-width': change('vggish', lambda feature: feature[:, 1:]),
    'parts-differ': change('flow', lambda feature: feature[:-5]),
    'wrong-length': change('vggish', lambda feature: feature[: len(feature) // 2]),
    'leak-features': copy_test_video,
}


@pytest.fixture(scope='module')
def checked(broken, tmp_path_factory):
    """The data, what the tool printed when it was to fix them, its report and the new annotation file."""
    root = tmp_path_factory.mktemp('checked')
    report, cleaned = root / 'report.json', root / 'cleaned.json'
    done = run(broken[0].config, '--json', report, '--fix', cleaned, '--max-lines', 30)
    return done, json.loads(report.read_text()), cleaned


def test_clean_data_are_called_clean(tmp_path, run_tool):
    data = CheckableData(tmp_path / 'data')
    done = run_tool(TOOL, data.config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '24 feature files opened' in done.stdout and 'error 0, warning 0, info 0' in done.stdout
    assert '3 classes of 8 to 8 events' in done.stdout and 'defect' not in done.stdout


def test_every_planted_defect_is_found_and_nothing_else(broken, checked):
    done, report, _ = checked
    assert len(broken[1]) >= 15 and done.returncode == 1 and 'Traceback' not in done.stderr
    defects = [Defect(**item) for item in report['defects']]
    assert {(defect.kind, defect.video_id) for defect in defects} == broken[1] and len(defects) == len(broken[1])
    for defect in defects:
        assert f'| {defect.severity} ' in done.stdout and defect.line() in done.stdout
    assert 'error 21, warning 1, info 0' in done.stdout


def test_what_is_fixed_is_clean_and_loads(broken, checked):
    done, _, cleaned = checked
    dropped, changed = 15, 7
    database = json.loads(cleaned.read_text())['database']
    assert len(database) == len(broken[0].database) - dropped and f'dropped videos: {dropped}' in done.stdout
    assert sum(entry != broken[0].database[name] for name, entry in database.items()) == changed

    command = next(line for line in done.stdout.splitlines() if line.startswith('python tools/train.py'))
    _, _, config, _, *options = shlex.split(command)
    assert config == str(broken[0].config)
    again = run(config, '--cfg-options', *options)
    assert again.returncode == 0 and 'error 0, warning 0' in again.stdout, again.stdout
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(option.split('=') for option in options))
    for split in ('train', 'val', 'test'):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        assert len([dataset[index] for index in range(len(dataset))]) == (9 if split == 'train' else 3)


def test_it_says_what_it_would_fix_and_what_it_cannot(tmp_path):
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
    assert 'note: 1 of the videos that are scored changed' in done.stdout


def test_headers_alone_tell_no_content(tmp_path):
    data = CheckableData(tmp_path / 'data')
    data.change('train_00', 'rgb', lambda feature: np.nan * feature)
    assert run(data.config).returncode == 1
    assert run(data.config, '--headers-only').returncode == 0


def test_ids_may_be_any_text(tmp_path):
    data = CheckableData(tmp_path / 'data')
    for video_id in ('\ud800', 'a\0b', '../..', '', '日本'):
        data.database[video_id] = data.database['train_00']
    data.save()
    done = run(data.config, '--json', tmp_path / 'report.json')
    assert done.returncode == 1 and '\\ud800' in done.stdout
    defects = json.loads((tmp_path / 'report.json').read_text())['defects']
    assert [defect['kind'] for defect in defects] == 15 * ['missing-file']


def test_10000_videos_would_take_less_than_a_minute(tmp_path):
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
def test_what_cannot_be_examined_ends_in_one_message(tmp_path, name):
    config, message = failing(tmp_path, name)
    done = run(config)
    assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr
    assert done.stderr.startswith('error: ')


def test_an_existing_file_is_left_alone(tmp_path):
    data = CheckableData(tmp_path / 'data')
    before = data.ann_file.read_text()
    done = run(data.config, '--fix', data.ann_file)
    assert done.returncode == 2 and 'exists and is left alone' in done.stderr and data.ann_file.read_text() == before
