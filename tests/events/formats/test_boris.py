"""BORIS' exports by hand."""

import pytest

from mmdel.events.formats import NO, SURELY, boris
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

AGGREGATED = 'Observation id\tMedia file name\tFPS\tBehavior\tBehavior type\tStart (s)\tStop (s)\n'


def rows(raw):
    return list(zip(*raw.rows(), strict=True))


def test_aggregated_events(sample):
    raw = boris.read(sample('boris aggregated'))
    assert rows(raw) == [('cage 1', '1.5', '4.25', 'groom', 2), ('b', '0.0', '600.0', 'rest', 4)]
    assert raw.videos == {'cage 1': {'fps': 25.0, 'duration': 300.0}, 'b': {'fps': 30.0, 'duration': 600.0}}
    assert raw.left_out == {'points, which have no length': 1}
    assert raw.columns == {
        'subject': ['rat', 'No focal subject'],
        'category': ['self', None],
        'modifiers': ['slow', None],
        'comment': ['hm', None],
    }


def test_starts_and_stops_of_older_versions_are_paired_by_subject(sample):
    raw = boris.read(sample('boris of older versions'))
    assert rows(raw) == [('a', '1.0', '4.0', 'run', 8), ('a', '2.0', '3.0', 'run', 9)]
    assert raw.videos == {'a': {'fps': 25.0, 'duration': 60.5}} and raw.columns == {'subject': ['x', 'y']}
    assert raw.left_out == {'points, which have no length': 1, 'a START without its STOP': 1}


def test_starts_and_stops_of_newer_versions(table_file):
    lines = ['Observation id,Behavior,Behavior type,Time', 'o,a,STOP,1', 'o,a,START,2', 'p,a,STOP,3', 'o,a,STOP,4']
    raw = boris.read(Source(table_file('\n'.join(lines))))
    assert rows(raw) == [('o', '2', '4', 'a', 3)] and raw.videos == {'o': {}, 'p': {}}
    assert raw.left_out == {'a STOP without its START': 2}
    with pytest.raises(UserInputError, match="line 6: expected START, STOP or POINT, got 'GO'"):
        boris.read(Source(table_file('\n'.join([*lines, 'o,a,GO,5']))))


@pytest.mark.parametrize(
    ('files', 'video', 'left_out'),
    [
        (['x/a.mp4', r'C:\b\a.mp4'], 'a', 0),
        (['a.mp4', 'b.mp4'], 'one', 2),  # one after the other: times are those of the observation
        (['NA', 'LIVE'], 'one', 0),
    ],
)
def test_a_video_is_the_one_media_file_or_the_observation(table_file, files, video, left_out):
    text = AGGREGATED + ''.join(f'one\t{file}\tNA\trun\tSTATE\t1\t2\n' for file in files)
    raw = boris.read(Source(table_file(text)))
    assert raw.video == [video] * 2 and raw.videos == {video: {}}
    assert sum(raw.left_out.values()) == left_out


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        (AGGREGATED, SURELY),
        ('x\n' * 9 + AGGREGATED.replace('\t', ','), SURELY),
        ('Time,Behavior,Status\n', SURELY),
        ('Time,Behavior\n', NO),
        ('', NO),
        ('<Time,Behavior,Status>', NO),
        ('"' + 'x' * 200000, NO),
    ],
)
def test_it_is_known_by_its_header(table_file, text, expected):
    source = Source(table_file(text))
    assert boris.matches(source) == expected
    if expected == NO and text[:1] == 'T':
        with pytest.raises(UserInputError, match='has no header of BORIS'):
            boris.read(source)
