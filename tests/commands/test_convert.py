"""``mmdel convert`` as people run it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mmdel.commands import main
from mmdel.events.reading import read_events

TABLE = 'video,start,end,label\na,0:01,2.5,dog\na,3,3,dog\nb,5,4,cat\nb,6,7,background\nc,1,2,cat\n'


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command in a folder that holds ``in.csv``; its exit status, what it says and its error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'in.csv').write_text(TABLE)

    def call(*args):
        status = 0
        try:
            main(['convert', *map(str, args)])
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_it_says_what_was_written_mended_and_lost(run):
    status, out, _ = run('in.csv', 'out.json', '--drop-labels', 'background', '--subset', 'train')
    assert status == 0
    assert out.splitlines()[0] == ('3 videos (3 train), 3 events of 2 classes, 3 videos of unknown duration')
    assert 'left out: 1 events of background (--drop-labels)' in out
    assert 'reversed-event, 1 times (left out)' in out and 'video b, line 4, in.csv: 5-4 s' in out
    assert 'empty-event, 1 times (kept as it is)' in out and 'lost' not in out
    assert out.splitlines()[-1] == 'written: out.json'
    assert [event[:3] for event in read_events('out.json')] == [('a', 1.0, 2.5), ('a', 3.0, 3.0), ('c', 1.0, 2.0)]
    status, out, _ = run('out.json', 'labels', '--to', 'jams')
    assert status == 0 and 'written: labels/a.jams and 2 more' in out
    status, out, _ = run('out.json', 'out.via', '--to', 'via3')
    assert 'lost: subsets, which this format does not hold' in out


def test_what_is_there_stays_unless_it_is_said_otherwise(run, tmp_path):
    (tmp_path / 'out.json').write_text('mine')
    status, _, err = run('in.csv', 'out.json')
    assert status == 2 and err == 'error: out.json exists and is left alone; name another file, or say --overwrite\n'
    assert (tmp_path / 'out.json').read_text() == 'mine'
    assert run('in.csv', 'out.json', '--overwrite')[0] == 0 and len(read_events('out.json')) == 4


def test_several_files_and_options_of_their_reader(run, tmp_path):
    header = 'video_id,start_timestamp,stop_timestamp,verb,verb_class,noun,noun_class,narration_id\n'
    for name in ('x', 'y'):
        (tmp_path / f'{name}.csv').write_text(header + f'{name},00:00:01.00,00:00:02.50,cut,3,leek,4,n\n')
    assert run('x.csv', 'y.csv', 'out.json', '--options', 'label=noun')[0] == 0
    assert [event[:4] for event in read_events('out.json')] == [('x', 1.0, 2.5, 'leek'), ('y', 1.0, 2.5, 'leek')]
    status, _, err = run('x.csv', 'out2.json', '--options', 'tier=4')
    assert status == 2 and "no option 'tier'" in err
    assert '--options takes KEY=VALUE' in run('x.csv', 'out2.json', '--options', 'label')[2]


def test_frames_and_scores(run, tmp_path):
    results = {'a': [dict(segment=[25, 50], label='x', score=s) for s in (0.9, 0.1)]}
    (tmp_path / 'r.json').write_text(json.dumps({'results': results}))
    status, out, _ = run('r.json', 'out.csv', '--times', 'frames', '--fps', 25, '--min-score', 0.5)
    assert status == 0 and 'left out: 1 events of a score below 0.5 (--min-score)' in out
    assert list(read_events('out.csv')) == [('a', 1.0, 2.0, 'x', 0.9)]
    assert '--times is seconds, frames, or how many' in run('r.json', 'o.csv', '--times', 'hours')[2]
    assert 'missing-fps, video a' in run('r.json', 'o.csv', '--times', 'frames')[2]


def test_a_split_is_seeded_and_whole(run, tmp_path):
    rows = [f'v{number},0,1,{"cat" if number % 3 else "dog"},s{number // 2}' for number in range(40)]
    (tmp_path / 'many.csv').write_text('\n'.join(['video,start,end,label,speaker', *rows]))
    subsets = []
    for seed in (0, 0, 1):
        assert (
            run('many.csv', 'out.json', '--split', '0.5/0.5', '--seed', seed, '--group', 'speaker', '--overwrite')[0]
            == 0
        )
        subsets.append([video.subset for video in read_events('out.json').videos])
    assert subsets[0] == subsets[1] != subsets[2] and sorted(subsets[0]) == 20 * ['train'] + 20 * ['val']
    assert subsets[0][::2] == subsets[0][1::2]
    for wrong in ('0.5', '0.9/0.9', 'half/half'):
        assert run('many.csv', 'new.json', '--split', wrong)[0] == 2


def test_the_command_stands_alone(tmp_path):
    (tmp_path / 'in.csv').write_text(TABLE)
    command = [sys.executable, '-m', 'mmdel', 'convert', 'in.csv', 'out.json']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and 'written: out.json' in done.stdout and not done.stderr
    done = subprocess.run([*command[:4], 'absent', 'x.json'], cwd=tmp_path, capture_output=True, text=True)
    assert (
        done.returncode == 2
        and done.stderr == 'error: Cannot read the file of events absent: No such file or directory\n'
    )
