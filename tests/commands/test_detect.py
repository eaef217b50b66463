import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from sandbox import heed_interruption
from tiny_bundle import make_bundle, random_features, write_media

from mmdel.commands import main
from mmdel.events import read_events
from mmdel.features.sidecar import describe_streams
from mmdel.inference import EventInferencer

PER_VIDEO = dict(webvtt='.vtt', srt='.srt', audacity='.txt', elan='.eaf', raven='.txt')


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return make_bundle().save(tmp_path_factory.mktemp('bundle') / 'model')


@pytest.fixture
def videos(tmp_path):
    write_media(tmp_path / 'videos', dict(one=4, two=6, three=30))
    return tmp_path / 'videos'


def detect(*words, status=0):
    with pytest.raises(SystemExit) if status else _nothing() as ended:
        main(['detect', *map(str, words), '--device', 'cpu', '--workers', '1'])
    if status:
        assert ended.value.code == status


class _nothing:
    def __enter__(self):
        return None

    def __exit__(self, *error):
        return False


def test_every_format_holds_what_the_inferencer_finds(bundle, videos, tmp_path, capsys):
    out = tmp_path / 'out'
    detect(videos, '--model', bundle, '--out', out, '--format', 'csv', *PER_VIDEO)
    said = capsys.readouterr().out
    found = {detection.video_id: detection for detection in EventInferencer(bundle, device='cpu')(videos)}
    assert all(f'{video_id:<5}' in said for video_id in found) and '3 videos of 0:40.0' in said
    for name in ('events.json', 'events.csv'):
        events = read_events(out / name)
        for video_id, detection in found.items():
            own = [*events.select([video_id])]
            assert [event.label for event in own] == [event.label for event in detection.events]
            assert [event.score for event in own] == pytest.approx([e.score for e in detection.events], abs=1e-4)
            assert [event.start_sec for event in own] == pytest.approx(
                [e.start_sec for e in detection.events], abs=1e-3
            )
    for name, suffix in PER_VIDEO.items():
        assert {path.name for path in (out / name).iterdir()} == {f'{video_id}{suffix}' for video_id in found}
    assert len(read_events(out / 'webvtt' / 'three.vtt')) == len(found['three'].events) > 0
    record = json.loads((out / 'videos' / 'one.json').read_text())
    assert record['path'] == str(videos / 'one.mp4') and record['duration_sec'] == 4 and record['error'] is None


def test_a_second_run_finds_what_is_new_or_changed(bundle, videos, tmp_path, capsys):
    out, words = tmp_path / 'out', (videos, '--model', bundle, '--out', tmp_path / 'out')
    detect(*words)
    states = {path.name: path.stat().st_mtime_ns for path in (out / 'videos').iterdir()}
    write_media(videos, dict(four=3))
    write_media(videos, dict(one=5))
    (out / 'events.json').unlink()
    capsys.readouterr()
    detect(*words, '--format', 'srt')
    said = capsys.readouterr().out
    assert '2 videos were finished before' in said and '2 videos of 0:08.0' in said
    changed = {path.name for path in (out / 'videos').iterdir() if states.get(path.name) != path.stat().st_mtime_ns}
    assert changed == {'one.json', 'four.json'}
    assert set(read_events(out / 'events.json').video_ids) == {'one', 'two', 'three', 'four'}
    assert len([*(out / 'srt').iterdir()]) == 4  # of those, too, that were finished before
    detect(*words)
    assert '4 videos were finished before' in capsys.readouterr().out


def test_a_broken_file_is_a_row_and_the_status_says_so(bundle, videos, tmp_path, capsys):
    (videos / 'broken.mp4').write_bytes(b'no video')
    out = tmp_path / 'out'
    detect(videos, '--model', bundle, '--out', out, '--format', 'webvtt', status=1)
    said = capsys.readouterr().out
    assert f'failed: {videos / "broken.mp4"}: ' in said and '3 videos of 0:40.0' in said and '1 failed' in said
    assert 'broken' not in read_events(out / 'events.json').video_ids
    assert not (out / 'webvtt' / 'broken.vtt').exists()
    assert json.loads((out / 'videos' / 'broken.json').read_text())['error']
    detect(videos, '--model', bundle, '--out', out, status=1)  # it is tried again
    assert '3 videos were finished before' in capsys.readouterr().out


def test_one_file(bundle, videos, tmp_path, capsys):
    out = tmp_path / 'found.csv'
    detect(videos, '--model', bundle, '--out', out, '--classes', 'horn', '--score-thr', '0.1')
    events = read_events(out)
    assert set(events.labels) == {'horn'} and min(events.scores) >= 0.1
    assert [path.name for path in tmp_path.iterdir() if path.name not in ('videos', 'model')] == ['found.csv']
    before = out.read_bytes()
    detect(videos, '--model', bundle, '--out', out, status=2)
    assert 'exists and is left alone' in capsys.readouterr().err and out.read_bytes() == before
    detect(videos, '--model', bundle, '--out', out, '--overwrite')
    assert out.read_bytes() != before
    detect(videos, '--model', bundle, '--out', tmp_path / 'found.srt', status=2)
    assert 'srt holds one video a file, and there are 3' in capsys.readouterr().err
    detect(videos / 'one.mp4', '--model', bundle, '--out', tmp_path / 'found.srt')
    assert (tmp_path / 'found.srt').stat().st_size > 0


def test_shards_share_out_all_videos(bundle, videos, tmp_path, capsys):
    out = tmp_path / 'out'
    for shard, expected in (('1/2', {'one', 'two'}), ('2/2', {'one', 'two', 'three'})):
        detect(videos, '--model', bundle, '--out', out, '--shard', shard)
        assert set(read_events(out / 'events.json').video_ids) == expected
    for wrong in ('0/2', '3/2', '1', 'x/y'):
        detect(videos, '--model', bundle, '--out', out, '--shard', wrong, status=2)
        assert '--shard is I/N' in capsys.readouterr().err


def test_other_settings_do_not_mix(bundle, videos, tmp_path, capsys):
    out = tmp_path / 'out'
    detect(videos, '--model', bundle, '--out', out)
    detect(videos, '--model', bundle, '--out', out, '--score-thr', '0.07', status=2)
    assert 'was made with score_thr 0.05, not 0.07' in capsys.readouterr().err
    detect(videos, '--model', bundle, '--out', out, '--score-thr', '0.07', '--overwrite')
    assert min(read_events(out / 'events.json').scores) >= 0.07


def test_half_precision_is_said_and_kept(bundle, videos, tmp_path, capsys, half_precision):
    out = tmp_path / 'out'
    detect(videos, '--model', bundle, '--out', out, '--report')
    assert re.search(r' x real time in bfloat16: \d+ events', capsys.readouterr().out)
    assert json.loads((out / 'videos' / 'one.json').read_text())['number_format'] == 'bfloat16'
    assert '"number_format":"bfloat16"' in (out / 'report.html').read_text().replace(' ', '')
    detect(videos, '--model', bundle, '--out', out, '--amp', 'off', status=2)
    assert "was made with number_format 'bfloat16', not 'float32'" in capsys.readouterr().err


def test_files_of_others_are_left_alone(bundle, videos, tmp_path, capsys):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'events.json').write_text('mine')
    detect(videos, '--model', bundle, '--out', out, status=2)
    assert 'events.json exists and is left alone' in capsys.readouterr().err
    assert (out / 'events.json').read_text() == 'mine'


def test_folders_of_features_are_inputs(bundle, videos, tmp_path, capsys):
    """Those that mmdel extract writes, whose description must be that of the model's streams."""
    import numpy as np
    from tiny_bundle import EXTRACTORS

    from mmdel.features import build_streams

    folder = tmp_path / 'features'
    folder.mkdir()
    described = describe_streams(build_streams(EXTRACTORS))
    (folder / 'streams.json').write_text(json.dumps(described))
    (folder / 'videos.json').write_text(json.dumps(dict(a=dict(path='a.mp4', duration_sec=20.0))))
    for name, feature in random_features(20).items():
        np.save(folder / f'a_{name}.npy', feature)
    detect(folder, '--model', bundle, '--out', tmp_path / 'out')
    assert read_events(tmp_path / 'out' / 'events.json').video_ids == ('a',)
    described['visual']['stride'] = 3
    (folder / 'streams.json').write_text(json.dumps(described))
    detect(folder, '--model', bundle, '--out', tmp_path / 'other', status=1)
    assert "stream 'visual' has 0.375 seconds from step to step, and that of the model 0.25" in capsys.readouterr().out


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['no_such_file.mp4'], 'no_such_file.mp4: there is no such file'),
        (['videos', '--config', 'x.py'], '--config and --checkpoint belong together'),
        (['videos', '--model', 'nowhere'], 'there is no bundle nowhere'),
        (['videos', '--model', 'x.py'], 'by --config and --checkpoint, where you trust them'),
        (['videos', '--classes', 'hornn'], "no class 'hornn'; did you mean horn"),
    ],
)
def test_wrong_words(bundle, videos, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    detect(*words[:1], *(() if '--model' in words else ('--model', bundle)), *words[1:], status=2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'detected').exists()


def test_what_was_found_until_ctrl_c_is_kept(bundle, tmp_path):
    paths = write_media(tmp_path / 'videos', {'v': 60})
    for n in range(200):  # which take far longer than the signal does
        os.link(paths[0], paths[0].with_stem(f'v{n:03d}'))
    out = tmp_path / 'out'
    command = [sys.executable, '-m', 'mmdel', 'detect', paths[0].parent, '--model', bundle, '--out', out]
    running = subprocess.Popen(
        [*map(str, command), '--device', 'cpu', '--workers', '1', '--batch-size', '1'],
        preexec_fn=heed_interruption,
        stderr=subprocess.PIPE,
        text=True,
    )
    records, end = out / 'videos', time.monotonic() + 120
    while not (records.is_dir() and len([*records.glob('*.json')]) >= 2) and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGINT, said
    found = {path.stem for path in records.glob('*.json')}
    assert 2 <= len(found) < 200 and set(read_events(out / 'events.json').video_ids) == found
    assert 'Traceback' not in said
