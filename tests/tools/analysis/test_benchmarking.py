"""Every benchmark, small."""

import concurrent.futures
import importlib.util
import re
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def run(run_tool_here):
    """A function: name and options of a benchmark → the lines that it prints."""

    def run(name, *options, runner=run_tool_here):
        done = runner(f'tools/analysis/{name}', *options)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()

    return run


def test_checks_find_the_data_that_were_made_clean(run):
    (line,) = run('benchmark_checks.py', '--num-videos', 200)
    assert re.fullmatch(r'200 videos, 600 files, 2 processes: ([\d.]+) s, 0 problems', line)


def test_reading_events_is_held_against_the_bare_reader(run):
    lines = run('benchmark_events.py', '--num-videos', 50, '--num-rows', 300, '--runs', 1)
    pattern = r'(JSON of 50 videos|CSV of 300 events): [\d.]+ s; the bare reader [\d.]+ s; ratio [\d.]+'
    assert len(lines) == 2 and all(re.fullmatch(pattern, line) for line in lines)


def test_loading_is_printed_as_videos_a_second_and_as_a_share_of_plain_reading(run):
    options = ('--num-videos', 20, '--num-steps', 12, '--num-workers', 1, '--repeats', 1)
    head, _, *lines = run('benchmark_loading.py', 'configs/del_unav100.py', *options)
    assert head.endswith('20 videos of 12 steps, float16, 1 workers, from the page cache')
    pattern = r'(.+?) +(\d+) +(\d+) +([\d.]+) +(\d+) videos/s'
    found = [re.fullmatch(pattern, line).groups() for line in lines]
    assert [row[0] for row in found] == ['np.load alone', '.npy files', 'packed', 'cached']
    assert all(each == rate and int(most) > 0 for _, rate, each, _, most in found)  # of one worker
    rates = [float(row[1]) for row in found]
    assert min(rates) > 0
    for rate, (*_, ratio, _) in zip(rates, found, strict=True):  # one repeat: the ratio of what is printed
        assert abs(float(ratio) - rate / rates[0]) < 0.01 + 2 / rates[0]


@pytest.fixture
def threads_for_processes(monkeypatch):
    monkeypatch.setattr(concurrent.futures, 'ProcessPoolExecutor', lambda num, mp_context: ThreadPoolExecutor(num))


def test_hours_stream_by(run, tiny_config, threads_for_processes):
    lines = run('benchmark_long_video.py', tiny_config, '--hours', 0.01, 0.02, '--window', 100)
    _, *rows = [line.split('|') for line in lines if line.startswith('|')]
    assert [[cell.strip() for cell in row[1:3]] for row in rows] == [['0.01', '900'], ['0.02', '1800']]
    assert [int(row[-2]) for row in rows] == [900, 1800]  # a hundred a window


def test_a_long_video_is_predicted_whole_and_in_windows(run, tiny_config, threads_for_processes):
    options = ('--lengths', 40, '--window', 16, '--repeats', 1)
    lines = run('benchmark_long_video.py', tiny_config, *options)
    rows = [line for line in lines if line.startswith('|')]
    assert 'in windows of 16' in rows[0]
    assert [row.split('|')[1].strip() for row in rows[1:]] == ['40']
    assert all(row.count(' GB, ') == 2 for row in rows[1:])


def test_every_installed_format_of_storage_is_written_and_read(run):
    head, _, *lines = run('benchmark_storage.py', '--num-videos', 3, '--num-steps', 8, '--repeats', 1)
    assert head == '3 videos, 0 MB; milliseconds a video'
    names = ['numpy', 'lmdb', 'h5py', 'zarr', 'safetensors']
    assert [line.split()[0] for line in lines] == [name for name in names if importlib.util.find_spec(name)]
    assert all(float(number) > 0 for line in lines for number in line.split()[1:])


def test_media_and_features_of_clips_are_scored_side_by_side(run):
    pytest.importorskip('av')
    head, *rows = run('benchmark_media_route.py', '--num-clips', 2)
    assert re.match(r'2 clips, \d+ events; mAP \[%\] at 0\.3, 0\.5, 0\.7', head)
    found = [re.fullmatch(r'(media|features)((?: +[\d.]+){4})', row) for row in rows]
    assert [row[1] for row in found] == ['media', 'features']
    means = [float(row[2].split()[-1]) for row in found]
    assert min(means) > 40 and abs(means[0] - means[1]) < 15  # a single event of so few is many points


def test_extraction_is_timed_by_preset_and_as_the_command(run, run_tool):
    """Its processes start from its file anew, so that it must be the main one."""
    pytest.importorskip('av')
    options = ('--seconds', 2, '--videos', 2, '--workers', 1, '--presets', 'frames', 'log_mel')
    lines = run('benchmark_extraction.py', *options, runner=run_tool)
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines if line.startswith('|')]
    assert [row[:3] for row in rows[1:3]] == [['frames', '0.25 s', '576'], ['log_mel', '0.25 s', '128']]
    assert rows[4][0] == 'weight-free: frames + log_mel' and len(rows) == 5
    assert min(float(cell) for row in rows[1:3] for cell in row[3:]) > 0 and min(map(float, rows[4][1:])) > 0
