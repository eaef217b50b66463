"""``mmdel report`` as people run it."""

from __future__ import annotations

import json

import pytest

from mmdel.commands import main

TRUTH = 'video,subset,start,end,label\na,train,1,2,dog\nb,val,3,4,dog\nc,val,5,6,cat\n'
RESULTS = dict(results=dict(b=[dict(segment=[3, 4], label='dog', score=0.9)]))


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command in a folder of a truth and a result file; its exit status, what it says, and its error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'truth.csv').write_text(TRUTH)
    (tmp_path / 'results.json').write_text(json.dumps(RESULTS))

    def call(*args):
        status = 0
        try:
            main(['report', *map(str, args)])
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def content(path):
    text = path.read_text(encoding='utf-8')
    return json.loads(text.partition('id="content">')[2].partition('</script>')[0])


def test_it_shows_the_subset_that_the_predictions_are_of(run, tmp_path):
    (tmp_path / 'videos').mkdir()
    for name in ('a', 'b', 'other'):
        (tmp_path / f'videos/{name}.mp4').write_text('no video')
    status, out, _ = run(
        'results.json', '--truth', 'truth.csv', '--media', 'videos', '--out', 'r.html', '--tiou', 0.7, '--title', 'T'
    )
    assert status == 0 and out.splitlines()[-1] == 'written: r.html (0.1 MB)'
    found = content(tmp_path / 'r.html')
    assert [video['id'] for video in found['videos']] == ['b', 'c'] and found['title'] == 'T'
    assert found['videos'][0]['media'] == 'videos/b.mp4' and 'media' not in found['videos'][1]
    assert found['tious'][found['tiou']] == 0.7 and found['ap'][found['tiou']] == [0.0, 1.0]


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['results.json', '--out', 'truth.csv'], 'truth.csv exists and is left alone'),
        (['nothing.json', '--out', 'r.html'], 'nothing.json'),
        (['truth.csv', '--truth', 'truth.csv', '--out', 'r.html'], 'no scores'),
        (['results.json', '--media', 'nowhere', '--out', 'r.html'], 'nowhere'),
        (['results.json', '--media', 'results.json', '--out', 'r.html'], 'no media file (e.g. results.json) is named'),
        (
            ['results.json', '--truth', 'far.csv', '--out', 'r.html'],
            'no video of the predictions (e.g. b) is in far.csv',
        ),
    ],
)
def test_what_it_cannot_do_is_told(run, tmp_path, args, message):
    (tmp_path / 'far.csv').write_text(TRUTH.replace('\nb,', '\nx,'))
    status, _, error = run(*args)
    assert status == 2 and message in error and not (tmp_path / 'r.html').exists()
    assert (tmp_path / 'truth.csv').read_text() == TRUTH
