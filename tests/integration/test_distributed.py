"""The tools on several ranks, and the scripts that start them. tests/integration/test_stopping.py starts real ones."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from conftest import ROOT
from ranks import run_ranks


def test_two_ranks_train(run_tool_here, tiny_config, tmp_path):
    options = ['--cfg-options', 'default_hooks.pictures.num_videos=1', 'train_cfg.max_epochs=1']
    command = ['tools/train.py', tiny_config, '--launcher', 'pytorch', '--work-dir', tmp_path, *options]
    for done in run_ranks(lambda: run_tool_here(*command), 2, joined=False):
        assert done.returncode == 0, done.stdout + done.stderr
    (log,) = tmp_path.glob('*/*.log')
    said = log.read_text()
    assert 'GPU number: 2' in said and 'Epoch(train) [1][1/1]' in said  # four videos, two in each batch
    assert (tmp_path / 'epoch_1.pth').is_file()
    pictures = {path.name for path in tmp_path.glob('*/vis_data/vis_image/*')}  # of the first process alone
    assert 'precision_recall_1.png' in pictures and len(pictures) == 3


def test_any_number_of_ranks_scores_alike(run_tool_here, tiny_training, tiny_config, tmp_path):
    """Of three videos, two ranks have one twice, and three ranks one each."""
    command = ['tools/test.py', tiny_config, tiny_training[0] / 'epoch_2.pth', '--work-dir', tmp_path, '--out']
    results, scores = [], []
    for num_ranks in (1, 2, 3):
        out, launcher = tmp_path / f'{num_ranks}.json', 'pytorch' if num_ranks > 1 else 'none'
        run = lambda: run_tool_here(*command, out, '--launcher', launcher)  # noqa: B023, E731  called at once
        for done in run_ranks(run, num_ranks, joined=False):
            assert done.returncode == 0, done.stdout + done.stderr
        results.append(json.loads(out.read_text())['results'])
        (found,) = tmp_path.glob('*/*.json')
        scores.append(json.loads(found.read_text()))
        found.unlink()
    assert scores[0]['event/mAP'] > 0
    for other, score in zip(results[1:], scores[1:], strict=True):
        measured = {key: value for key, value in scores[0].items() if key.startswith('event/')}
        assert {key: score[key] for key in measured} == pytest.approx(measured, rel=1e-5)
        assert sorted(other) == sorted(results[0])
        for video_id, events in results[0].items():
            assert len(other[video_id]) == len(events)
            for mine, its in zip(events, other[video_id], strict=True):
                assert its['score'] == pytest.approx(mine['score'], abs=1e-5)
                assert its['segment'] == pytest.approx(mine['segment'], abs=1e-4)


@pytest.mark.parametrize(
    'script, tool, arguments', [('dist_train.sh', 'train.py', ['c']), ('dist_test.sh', 'test.py', 'cw')]
)
def test_scripts_hand_their_arguments_to_the_tools(tmp_path, script, tool, arguments):
    (tmp_path / 'python').write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / 'python').chmod(0o755)
    command = ['bash', str(ROOT / 'tools' / script)]
    env = dict(os.environ, PATH=f'{tmp_path}{os.pathsep}{os.environ["PATH"]}', PORT='1234')
    done = subprocess.run([*command, *arguments, '3', '--a', 'b c'], env=env, capture_output=True, text=True)
    words = done.stdout.splitlines()
    assert words[0] == str(ROOT / 'tools/launch.py') and {'--nproc_per_node=3', '--master_port=1234'} < set(words)
    assert words[-5 - len(arguments) :] == [
        str(ROOT / 'tools' / tool),
        *arguments,
        '--launcher',
        'pytorch',
        '--a',
        'b c',
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and script in done.stderr
