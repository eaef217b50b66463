import re


def test_videos_a_second_and_their_ratio_to_plain_reading_are_printed(run_tool):
    done = run_tool(
        'tools/analysis/benchmark_loading.py',
        'configs/del_unav100.py',
        *('--num-videos', 20, '--num-steps', 12, '--num-workers', 1, '--repeats', 1),
    )
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.strip().splitlines()
    assert head.endswith('20 videos of 12 steps, float16, 1 workers, from the page cache')
    found = [re.fullmatch(r'(.+?) +(\d+) videos/s +([\d.]+) of np.load alone', line).groups() for line in lines]
    assert [name for name, _, _ in found] == ['np.load alone', '.npy files', 'packed', 'cached']
    rates = [float(rate) for _, rate, _ in found]
    assert min(rates) > 0
    for rate, (_, _, ratio) in zip(rates, found, strict=True):  # one repeat: the ratio of what is printed
        assert abs(float(ratio) - rate / rates[0]) < 0.01 + 2 / rates[0]
