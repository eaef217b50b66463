import re


def test_it_finds_the_data_that_it_made_clean(run_tool):
    done = run_tool('tools/analysis/benchmark_checks.py', '--num-videos', 200)
    line = re.fullmatch(r'200 videos, 600 files, 2 processes: ([\d.]+) s, 0 problems\n', done.stdout)
    assert line, done.stdout + done.stderr
    assert float(line[1]) < 20
