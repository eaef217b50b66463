"""The table of memory over a training and a test."""

import re


def test_rows_come_through_training_and_prediction(tiny_config, run_tool_here):
    done = run_tool_here('tools/analysis/measure_memory.py', tiny_config, '--iterations', 4, '--videos', 5)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r'\| (\d+) (iterations|videos) \| ([\d.]+) \|', done.stdout)
    assert [int(num) for num, what, _ in rows if what == 'iterations'] == [1, 2, 3, 4]
    assert int(rows[-1][0]) >= 5 and rows[-1][1] == 'videos'
    assert all(float(size) > 0 for *_, size in rows)
