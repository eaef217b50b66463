"""``mmdel extract`` as people run it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from sandbox import heed_interruption

from mmdel.commands import main
from mmdel.features import PRESETS, build_streams, extract_all

pytest.importorskip('av')

TESTS = Path(__file__).parents[1]
DEMO = ['--audio', 'demo_log_mel']


def write_wav(path, seed, seconds=2.0, level=0.1):
    path.parent.mkdir(exist_ok=True)
    samples = np.random.default_rng(seed).uniform(-level, level, int(8000 * seconds))
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, 8000, 0, 'NONE', ''))
        file.writeframes(np.round(samples * 32767).astype('<i2').tobytes())


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command in a folder with four files of sound; its exit status, what it says and its error."""
    monkeypatch.chdir(tmp_path)
    for seed in range(4):
        write_wav(tmp_path / 'in' / f'v{seed}.wav', seed)

    def call(*args):
        status = 0
        try:
            main(['extract', *map(str, args), '--workers', '1'])
        except SystemExit as end:
            status = end.code or 0
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_features_are_written_once_and_again_where_files_change(run, tmp_path):
    status, out, _ = run('in', '--out', 'out', *DEMO)
    assert status == 0 and out.startswith('4 files done, 0 failed: 0.1 min of media in')
    videos = json.loads((tmp_path / 'out/videos.json').read_text())
    assert list(videos) == ['v0', 'v1', 'v2', 'v3']
    assert videos['v1']['path'] == str(tmp_path / 'in/v1.wav') and videos['v1']['duration_sec'] == 2.0
    streams = build_streams({'audio': PRESETS['demo_log_mel']})
    for name in videos:
        feature = np.load(tmp_path / f'out/{name}_audio.npy')
        expected = extract_all(tmp_path / f'in/{name}.wav', streams).features['audio'].astype(np.float16)
        np.testing.assert_array_equal(feature, expected)
        assert feature.dtype == np.float16
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').iterdir()}
    assert run('in', '--out', 'out', *DEMO)[:2] == (0, '4 files are done already\n')
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').iterdir()} == before

    write_wav(tmp_path / 'in/v2.wav', 9, seconds=3.0)  # has changed
    (tmp_path / 'out/v3_audio.npy').unlink()
    write_wav(tmp_path / 'in/v4.wav', 4)  # is new
    (tmp_path / 'in/text.mp4').write_text('no video')
    status, out, _ = run('in', '--out', 'out', *DEMO)
    assert status == 1 and out.startswith('2 files are done already\n') and '3 files done, 1 failed' in out
    assert 'in/text.mp4' in out and '| failed' in out
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').glob('*.npy')}
    changed = {path.name for path, time_ns in after.items() if before.get(path) != time_ns}
    assert changed == {'v2_audio.npy', 'v3_audio.npy', 'v4_audio.npy'}
    assert len(json.loads((tmp_path / 'out/videos.json').read_text())) == 5
    (tmp_path / 'in/text.mp4').unlink()

    status, _, err = run('in', '--out', 'out', '--audio', 'log_mel')
    assert status == 2 and 'audio.extractors[0].hz: 8000 there, 16000 here' in err
    write_wav(tmp_path / 'other/v1.wav', 7, seconds=4.0)
    status, _, err = run('other', '--out', 'out', *DEMO)
    assert status == 2 and 'in/v1.wav by the id v1, which other/v1.wav would have, too' in err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').glob('*.npy')} == after


def test_a_process_that_is_killed_takes_one_file_with_it(run, tmp_path, monkeypatch):
    write_wav(tmp_path / 'in/v2.wav', 2, level=1.0)
    config = 'custom_imports = dict(imports=["pool_tasks"])\nstreams = dict(audio=dict(type="mmdel.DeadlyExtractor"))\n'
    (tmp_path / 'mine.py').write_text(config.replace('Extractor"', 'Extractor", level=0.4'))
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(TESTS), os.environ.get('PYTHONPATH', '')]))
    status, out, _ = run('in', '--out', 'out', '--config', 'mine.py')
    assert status == 1 and '3 files done, 1 failed' in out
    (row,) = (line for line in out.splitlines() if 'v2.wav' in line)
    assert 'was ended by SIGKILL' in row
    assert sorted(path.name for path in (tmp_path / 'out').glob('*.npy')) == [f'v{i}_audio.npy' for i in (0, 1, 3)]
    (tmp_path / 'in/v2.wav').unlink()
    assert run('in', '--out', 'again', '--config', 'out/streams.json')[0] == 0  # what one folder says makes another
    same = [(tmp_path / folder / 'v1_audio.npy').read_bytes() for folder in ('out', 'again')]
    assert same[0] == same[1]


def test_an_interrupted_run_leaves_whole_files_and_goes_on(run, tmp_path):
    write_wav(tmp_path / 'in/v.wav', 0, seconds=60)
    for n in range(200):  # which take far longer than the signal does
        os.link(tmp_path / 'in/v.wav', tmp_path / f'in/vid{n}.wav')
    command = [sys.executable, '-m', 'mmdel', 'extract', 'in', '--out', 'out', *DEMO, '--workers', '2']
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process = subprocess.Popen(command, **pipes, start_new_session=True, preexec_fn=heed_interruption)
    while len(list((tmp_path / 'out').glob('v*.npy'))) < 4 and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT and err == b'stopped by SIGINT\n'
    done = {path.name: np.load(path) for path in (tmp_path / 'out').glob('v*.npy')}
    assert 0 < len(done) < 200 and not list((tmp_path / 'out').glob('.*'))
    for n in range(20, 200):
        if f'vid{n}_audio.npy' not in done:
            (tmp_path / f'in/vid{n}.wav').unlink()
    status, out, _ = run('in', '--out', 'out', *DEMO)
    num_known = int(re.match(r'(\d+) files are done already', out)[1])
    assert status == 0 and 2 <= num_known <= len(done)  # of one a process, nobody was told any more
    assert len(list((tmp_path / 'out').glob('v*.npy'))) == len(list((tmp_path / 'in').iterdir()))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nothing'], 'nothing: there is no such file or folder'),
        (['in', '--workers', '0'], '--workers must be at least 1'),
        (['in', '--config', 'bad.json', *DEMO], 'give --config, or --audio'),
        (['in', '--config', 'bad.json'], 'bad.json: expected the extractors of each stream by its name, got []'),
        (['in', '--config', 'bad.py'], 'bad.py, streams: expected the extractors'),
        (['in', '--config', 'odd.json'], "stream 'x': no extractor is called None"),
    ],
)
def test_wrong_use_is_told_and_nothing_written(arguments, message, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / 'in/v.wav', 0)
    (tmp_path / 'bad.json').write_text('[]')
    (tmp_path / 'bad.py').write_text('x = 1\n')
    (tmp_path / 'odd.json').write_text('{"x": {}}')
    with pytest.raises(SystemExit) as end:
        main(['extract', *arguments, '--out', 'out'])
    assert end.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
