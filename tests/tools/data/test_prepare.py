"""tools/data/prepare.py as a user runs it: from a download to the data set of a config."""

import json
from functools import partial

import numpy as np
import pytest
from tiny_data import write_unav_layout


@pytest.fixture
def run(run_tool_here):
    return partial(run_tool_here, 'tools/data/prepare.py')


def test_from_the_release_to_the_commands_that_check_and_train(run, tmp_path):
    src, out = tmp_path / 'downloads', tmp_path / 'data'
    write_unav_layout(src / 'unav100')
    tried = run('unav100', '--src', src, '--out', out, '--dry-run')
    assert tried.returncode == 0 and not out.exists()
    assert 'files: 0 are there, 19 to make' in tried.stdout and 'unav100_annotations.json' in tried.stdout
    done = run('unav100', '--src', src, '--out', out)
    assert done.returncode == 0, done.stderr
    for line in (
        'unav100_annotations.json: 6 videos (2 train, 2 val, 2 test), 102 events, 100 labels',
        f'export MMDEL_UNAV100_ROOT={out}',
        'mmdel check del_unav100',
        'mmdel train del_unav100\n',
    ):
        assert line in done.stdout
    assert 'files: 19 are there, 0 to make' in run('unav100', '--src', src, '--out', out).stdout


def test_videos_without_features_are_reported_and_left_out_by_the_command(run, tmp_path):
    write_unav_layout(tmp_path)
    (tmp_path / 'av_features/validation_00_rgb.npy').unlink()
    done = run('unav100', '--src', tmp_path, '--out', tmp_path / 'out')
    assert 'visual: 1 of 6 videos have no features (1 val): validation_00' in done.stdout
    assert 'mmdel check del_unav100' in done.stdout
    assert '--cfg-options train_dataloader.dataset.missing=skip val_dataloader.dataset.missing=skip' in done.stdout


def test_without_sound_the_visual_config_is_next(run, tmp_path):
    event = {'label': 'Diving', 'segment': [1, 2], 'label_id': 0}
    database = {'video_test_1': {'subset': 'Test', 'duration': 9, 'fps': 30, 'annotations': [event]}}
    (tmp_path / 'thumos14.json').write_text(json.dumps({'database': database}))
    (tmp_path / 'i3d').mkdir()
    np.save(tmp_path / 'i3d/video_test_1.npy', np.zeros((64, 2048), np.float16))
    done = run('thumos14', '--src', tmp_path / 'thumos14.json', '--out', tmp_path / 'out')
    assert done.returncode == 2 and 'There is no folder' in done.stderr
    done = run('thumos14', '--src', tmp_path, '--visual', tmp_path / 'i3d', '--out', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    assert 'audio: 1 of 1 videos have no features (1 test)' in done.stdout
    assert 'mmdel train del_thumos14_visual\n' in done.stdout


def test_activitynet_without_video_scores_says_so(run, tmp_path):
    entry = {'subset': 'validation', 'duration': 30, 'annotations': [{'segment': [1, 2], 'label': 'Archery'}]}
    (tmp_path / 'activity_net.v1-3.min.json').write_text(json.dumps({'database': {'x': entry}}))
    np.save(tmp_path / 'v_x.npy', np.zeros((28, 512), np.float32))
    done = run('anet13', '--src', tmp_path, '--out', tmp_path / 'out')
    assert 'There is no cuhk_val_simp_share.json' in done.stdout
    (tmp_path / 'cuhk_val_simp_share.json').write_text(json.dumps({'class': ['Archery'], 'results': {'x': [1.0]}}))
    assert 'There is no' not in run('anet13', '--src', tmp_path, '--out', tmp_path / 'out').stdout.replace(
        'no audio', ''
    )


@pytest.mark.parametrize(
    ('path', 'said'), [('out/annotations/unav100_annotations.json', 'differ from'), ('out', 'Cannot write to')]
)
def test_a_foreign_file_in_the_way_is_one_message(run, tmp_path, path, said):
    write_unav_layout(tmp_path / 'src')
    mine = tmp_path / path
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text('{}')
    done = run('unav100', '--src', tmp_path / 'src', '--out', tmp_path / 'out')
    assert done.returncode == 2 and said in done.stderr and 'Traceback' not in done.stderr
    assert mine.read_text() == '{}' and not (tmp_path / 'out/av_features').exists()


def test_an_archive_that_is_still_packed_is_named(run, tmp_path):
    src = tmp_path / 'src'
    src.mkdir()
    (src / 'unav100.7z').touch()
    done = run('unav100', '--src', src, '--out', tmp_path / 'out')
    assert done.returncode == 2 and 'There is no unav100_annotations.json' in done.stderr
    assert f'Still packed: {src}/unav100.7z; unpack what you need' in done.stderr
    write_unav_layout(src)
    assert 'Still packed' not in run('unav100', '--src', src, '--out', tmp_path / 'out').stdout
    (src / 'av_features/validation_00_rgb.npy').unlink()
    assert 'Still packed' in run('unav100', '--src', src, '--out', tmp_path / 'other').stdout
