"""Trainings that are ended at random moments come to the weights of one that is not."""

import re


def test_no_training_is_lost(run_tool):
    done = run_tool('tools/chaos.py', '--kills', 2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r'\d+ trainings: [1-9]\d* identical, 0 lost', done.stdout)
    ended, *_ = re.search(r'\| all \| (\d+) \|', done.stdout).groups()
    assert int(ended) >= 2
