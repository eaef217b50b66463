def test_each_length_is_predicted_whole_and_in_windows(tiny_config, run_tool):
    options = ['--lengths', '16', '40', '--window', '16']
    done = run_tool('tools/analysis/benchmark_long_video.py', tiny_config, *options)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith('|')]
    assert 'in windows of 16' in rows[0]
    assert [row.split('|')[1].strip() for row in rows[1:]] == ['16', '40']
    assert all(row.count(' GB, ') == 2 for row in rows[1:])
