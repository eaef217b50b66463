"""tools/data/video_scores.py as a user runs it."""

import json

import pytest

from mmdel.datasets.transforms import LoadVideoScores

TOOL = 'tools/data/video_scores.py'


def event(label, score):
    return dict(segment=[1.0, 2.0], label=label, score=score)


@pytest.fixture
def write_results(tmp_path):
    def write(results):
        path = tmp_path / 'events.json'
        path.write_text(json.dumps(dict(results=results)))
        return path

    return write


def test_the_best_event_of_each_class_counts(tiny_config, run_tool_here, write_results, tmp_path):
    events = {'val_00': [event('bell', 0.3), event('bell', 0.7), event('bark', 0.2)], 'val_01': []}
    out = tmp_path / 'new' / 'scores.json'
    done = run_tool_here(TOOL, tiny_config, write_results(events), out)
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text()) == dict(
        classes=['bark', 'bell'], scores=dict(val_00=[0.2, 0.7], val_01=[0.0, 0.0])
    )
    loaded = LoadVideoScores(str(out))(dict(video_id='val_00', classes=('bell', 'bark')))
    assert loaded['video_scores'].tolist() == pytest.approx([0.7, 0.2])


def test_classes_that_the_data_set_lacks_are_told(tiny_config, run_tool_here, write_results, tmp_path):
    done = run_tool_here(TOOL, tiny_config, write_results({'val_00': [event('siren', 0.3)]}), tmp_path / 'scores.json')
    assert 'unknown classes: siren' in done.stdout


@pytest.mark.parametrize('missing', ['config', 'results'])
def test_missing_files_are_one_message(tiny_config, run_tool_here, write_results, tmp_path, missing):
    files = dict(config=tiny_config, results=write_results({}))
    files[missing] = tmp_path / 'nowhere.py'
    done = run_tool_here(TOOL, *files.values(), tmp_path / 'scores.json')
    assert done.returncode == 2 and 'nowhere.py' in done.stderr and 'Traceback' not in done.stderr
