"""Columns understood by their names."""

import pytest

from mmdel.events.formats.table_header import find_header, may_have_events, plain_column
from mmdel.utils.errors import UserInputError


@pytest.mark.parametrize(
    ('header', 'meanings', 'times'),
    [
        ('video,start_sec,end_sec,label,class,score,duration_sec', 'video start end label - score duration', 'seconds'),
        ('filename,onset,offset,event_labels', 'video start end label', 'seconds'),
        ('segment_id,start_time_seconds,end_time_seconds,label', 'video start end label', 'seconds'),
        ('Begin Time (s),End Time (s),Begin File,Species', 'start end video label', 'seconds'),
        ('Category,VideoID,Quality,StartTime,EndTime', 'label video - start end', 'seconds'),
        (
            'video-id,t_start,t_end,class_name,class_id,FPS,split',
            'video start end label label_id fps subset',
            'seconds',
        ),
        ('onset,duration,trial_type', 'start length label', 'seconds'),
        ('clip,start,duration,video_duration,label', 'video start length duration label', 'seconds'),
        ('clip,start,end,duration,label', 'video start end maybe_duration label', 'seconds'),
        ('clip,start_ms,end_ms,class_id', 'video start end label', 1000),
        ('clip,start_frame,end_frame,start_time,stop_time,action', 'video - - start end label', 'seconds'),
        ('clip,start_frame,stop_frame,label,confidence', 'video start end label score', 'frames'),
        ('start,end,label', 'start end label', 'seconds'),
        ('clip,start,end,Event Duration,label', 'video start end - label', 'seconds'),
        ('clip,start_frame,end_frame,duration,label', 'video start end - label', 'frames'),
    ],
)
def test_headers_that_people_write(header, meanings, times):
    names = header.split(',')
    found = find_header('f', names, {})
    expected = {meaning: place for place, meaning in enumerate(meanings.split()) if meaning != '-'}
    assert (found.places, found.times) == (expected, times)
    assert may_have_events(names)


@pytest.mark.parametrize(
    ('header', 'given', 'said'),
    [
        ('video,start,end,verb,noun', {}, r"f: the columns 'verb' and 'noun' may each be the label; .*: label='verb'"),
        ('video,file,start,end,label', {}, r"'video' and 'file' may each be the video"),
        ('video,start,onset,end,label', {}, r"'start' and 'onset' may each be the start"),
        ('video,start,length,dur,label', {}, r"'length' and 'dur' may each be the length; say which: length='length'"),
        ('video,label', {}, r"no column of its header \['video', 'label'\] is known as the start; name it: start="),
        ('video,start,label', {}, 'known as the end'),
        ('video,start_ms,end_frame,label', {}, 'known as the end'),
        ('video,start,end,note', {}, 'known as the label'),
    ],
)
def test_what_may_be_meant_twice_or_never_is_named(header, given, said):
    with pytest.raises(UserInputError, match=said):
        find_header('f', header.split(','), given)


def test_known_columns_are_not_looked_for_and_tell_the_unit():
    names = ['start_frame', 'stop_frame', 'verb', 'noun', 'start', 'stop', 'class_id', 'a', 'b']
    known = {'video': 7, 'label': 3}
    assert find_header('f', names, known).places == {**known, 'start': 4, 'end': 5}
    found = find_header('f', names, {**known, 'start': 0})
    assert (found.places, found.times) == ({**known, 'start': 0, 'end': 1}, 'frames')
    for edges in ({'start': 8, 'end': 7}, {'start': 8, 'length': 7}):
        found = find_header('f', names, {'video': 2, 'label': 3, **edges})
        assert (found.places, found.times) == ({'video': 2, 'label': 3, **edges}, 'seconds')


@pytest.mark.parametrize(
    'header', ['', 'a,b', 'video,label', 'video,start,label', 'video,start,end', 'start,end_ms,label']
)
def test_other_tables_have_no_events(header):
    assert not may_have_events(header.split(','))


def test_what_is_told_is_not_looked_for():
    names = ['clip', 'start', 'end', 'label', 'duration', 'fps', 'subset', 'split']
    needed = {'video': 0, 'start': 1, 'end': 2, 'label': 3}
    assert find_header('f', names, {}, {'subset', 'fps', 'duration'}).places == needed
    with pytest.raises(UserInputError, match="'subset' and 'split' may each be the subset"):
        find_header('f', names, {})
    own = ['video', 'start_sec', 'end_sec', 'label', 'fps', 'subset']
    assert find_header('f', own, {'fps': 4}, {'subset', 'fps'}).places == {**needed, 'fps': 4}


def test_plain_column():
    names = ['Begin Time (s)', 'beginTime_s', ' VideoID ', '# x']
    assert list(map(plain_column, names)) == ['begin_time_s', 'begin_time_s', 'video_id', 'x']
