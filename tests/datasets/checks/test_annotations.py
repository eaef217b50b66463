from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets.annotation_file import collect_classes, parse_videos
from mmdel.datasets.checks import check_annotations
from mmdel.utils.errors import UserInputError

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**13) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
TIMES = st.floats(-3, 13) | st.integers(-3, 13) | st.just(float('nan')) | ANYTHING
ANNOTATION = ANYTHING | st.fixed_dictionaries(
    {},
    optional=dict(
        segment=st.tuples(TIMES, TIMES).map(list) | ANYTHING,
        label=st.sampled_from('abc') | ANYTHING,
        label_id=st.integers(0, 3) | ANYTHING,
    ),
)
ENTRY = ANYTHING | st.fixed_dictionaries(
    dict(duration=st.just(10.0) | ANYTHING),
    optional=dict(
        subset=st.sampled_from(['train', 'Test']) | ANYTHING,
        fps=st.just(25) | ANYTHING,
        annotations=st.lists(ANNOTATION, max_size=5) | ANYTHING,
    ),
)
SOUND_EVENT = st.tuples(st.integers(0, 9), st.integers(1, 4), st.integers(0, 2)).map(
    lambda item: dict(segment=[item[0], item[0] + item[1]], label='abc'[item[2]], label_id=item[2])
)
SOUND_ENTRY = st.fixed_dictionaries(
    dict(
        subset=st.sampled_from(['train', 'Testing', 'other']),
        duration=st.just(10.0),
        fps=st.just(25),
        annotations=st.lists(SOUND_EVENT, max_size=4),
    )
)
SOUND = dict(subset='train', duration=10, fps=25)


def write(folder, database) -> str:
    path = folder / 'annotations.json'
    path.write_text(json.dumps(dict(database=database)))
    return str(path)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=3), ENTRY, max_size=4), st.booleans())
def test_no_content_breaks_it(tmp_path_factory, database, with_classes):
    path = write(tmp_path_factory.getbasetemp(), database)
    found = check_annotations(path, {'train', 'test'}, 'abc' if with_classes else None, needs_fps=True)
    assert all(defect.found and defect.expected for defect in found.defects)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=3), SOUND_ENTRY, min_size=1, max_size=4), st.booleans())
def test_a_file_without_errors_loads(tmp_path_factory, database, with_classes):
    """What the doctor lets pass, EventDataset's own reader takes, with the same classes and events."""
    path = write(tmp_path_factory.getbasetemp(), database)
    classes = ('a', 'b', 'c') if with_classes else None
    found = check_annotations(path, {'train', 'test'}, classes, needs_fps=True)
    read = [video for video in found.videos.values() if video.subset in ('train', 'test')]
    if not read or not found.classes:
        return
    kinds = {defect.kind for defect in found.defects}
    assert kinds <= {'empty-subset', 'event-beyond-video', 'duplicate-event'}
    assert classes or collect_classes(database, path) == found.classes
    records = parse_videos(database, path, ['train', 'test'], found.classes)
    assert [record['video_id'] for record in records] == [video.video_id for video in read]
    if 'duplicate-event' not in kinds:
        assert [len(record['labels']) for record in records] == [len(video.events) for video in read]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"database": {', 'not JSON'),
        ('[' * 100_000, 'not JSON'),
        ('[]', "needs a key 'database'"),
        ('{"database": [1]}', "needs a key 'database'"),
        (b'\xff\xfe\x00', 'not JSON'),
    ],
)
def test_a_file_that_is_no_annotation_file(tmp_path, content, message):
    path = tmp_path / 'broken.json'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserInputError, match=message) as error:
        check_annotations(str(path), {'train'})
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserInputError, match=r'nothing\.json: No such file'):
        check_annotations(str(tmp_path / 'nothing.json'), {'train'})


def test_one_broken_entry_does_not_hide_the_others(tmp_path):
    events = [
        dict(segment=[2, 1], label='a'),
        dict(segment=[1, 1], label='a'),
        dict(segment=[1, 2]),
        dict(segment=[1, 2], label='a'),
        dict(segment=[1, 2], label='b'),
        dict(segment=[1.0, 2.0], label='a'),
    ]
    database = dict(x=None, y=dict(SOUND, duration='?', annotations=events), z=dict(SOUND, annotations=[]))
    found = check_annotations(write(tmp_path, database), {'train'})
    assert [(defect.kind, defect.video_id, defect.event) for defect in found.defects] == [
        ('wrong-entry', 'x', None),
        ('wrong-duration', 'y', None),
        ('reversed-event', 'y', 0),
        ('zero-length-event', 'y', 1),
        ('missing-label', 'y', 2),
        ('duplicate-event', 'y', 5),
    ]
    assert [event.place for event in found.videos['y'].events] == [3, 4]


def test_a_defect_says_what_was_found_and_expected(tmp_path):
    database = dict(y=dict(SOUND, annotations=[dict(segment=[8, 12.5], label='a')]))
    path = write(tmp_path, database)
    (defect,) = check_annotations(path, {'train'}).defects
    assert defect.line() == (f'warning event-beyond-video, video y, event 0, {path}: 8-12.5 s; expected inside 0-10 s')


def test_subsets_are_known_by_all_their_names(tmp_path):
    path = write(tmp_path, dict(y=dict(SOUND, subset=' Training '), z=dict(SOUND, subset='validation')))
    assert check_annotations(path, {'train', 'val'}).defects == []


def test_a_table_is_read_by_its_layout(tmp_path):
    path = tmp_path / 'events.csv'
    path.write_text('video,start,end,label,subset,duration\ny,3,2,a,train,9\ny,1,10,b,train,9\n')
    layout = dict(video='video', start='start', end='end', label='label', subset='subset', duration='duration')
    found = check_annotations(str(path), {'train'}, csv=layout)
    assert [(defect.kind, defect.event) for defect in found.defects] == [
        ('reversed-event', 0),
        ('event-beyond-video', 1),
    ]
    assert found.classes == ('b',)


def test_real_annotations(shared_data):
    """THUMOS14: 30 events of five videos lie behind the end of their video."""
    found = check_annotations(str(shared_data / 'annotations/thumos14.json'), {'val', 'test'}, needs_fps=True)
    assert (len(found.videos), len(found.classes)) == (412, 20)
    assert sum(len(video.events) for video in found.videos.values()) == 6365 - len(found.defects)
    assert {defect.kind for defect in found.defects} == {'event-outside-video'} and len(found.defects) == 30
    assert {defect.video_id for defect in found.defects} == {
        'video_test_0000270',
        'video_test_0000814',
        'video_test_0001081',
        'video_validation_0000364',
        'video_validation_0000856',
    }
