import json
import math
import re

import numpy as np
import pytest

from mmdel.events.annotations import parse_annotations
from mmdel.events.formats.activitynet import from_database
from mmdel.events.reading import read_events, read_raw
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import canonical_subset

NAN = float('nan')


def entry(*annotations, subset='train', duration=10.0, **more):
    events = [dict(zip(('segment', 'label', 'label_id'), annotation, strict=False)) for annotation in annotations]
    return {'subset': subset, 'duration': duration, 'fps': 25, 'annotations': events, **more}


def parse(database, subset='train', classes=None, ignore_labels=()):
    return parse_annotations(
        from_database(database, 'ann.json'), [subset], classes, ignore_labels=ignore_labels
    ).records()


@pytest.mark.parametrize(
    'spellings', [('train', 'Training', ' TRAIN'), ('val', 'validation', 'Validation'), ('test', 'Testing', 'Test')]
)
def test_spellings_of_a_subset_are_one(spellings):
    assert {canonical_subset(spelling) for spelling in spellings} == {spellings[0]}


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (dict(duration=0), r'wrong-duration, video vid, ann\.json: duration 0; expected a positive number of seconds'),
        (dict(duration='long'), "wrong-duration.* 'long'"),
        (dict(duration=True), 'wrong-duration.* True'),
        (dict(duration=10**400), 'wrong-duration.* 1000'),
        (dict(duration=None), 'missing-duration'),
        (dict(fps=-1), 'wrong-fps.* -1'),
        (dict(fps='x'), "wrong-fps.* 'x'"),
        (dict(annotations={'segment': [1, 2]}), 'wrong-entry.* expected a list'),
        (dict(annotations=['cat']), "wrong-entry, video vid, event 0, .* 'cat'; expected a mapping"),
        *(
            (dict(annotations=[dict(segment=segment, label='cat')]), 'wrong-segment, video vid, event 0, .*segment')
            for segment in ([NAN, 4], [1, math.inf], ['a', 2], [1], [1, 2, 3], 3, 'ab', '12', None, [1, True])
        ),
        *(
            (dict(annotations=[dict(segment=[1, 2], label=label)]), 'wrong-label, video vid, event 0, .*label')
            for label in (None, '', ' ', True, 1.5, ['cat'], {'cat': 1})
        ),
    ],
)
def test_what_is_wrong_names_file_video_event_and_value(change, said):
    with pytest.raises(UserInputError, match=said):
        parse({'vid': {**entry(([1, 2], 'cat')), **change}}, classes=['cat'])


def test_unknown_label_of_given_classes_is_an_error():
    with pytest.raises(
        UserInputError, match=r"unknown-label, video vid, event 0, ann\.json: label 'dog'; expected one of cat"
    ):
        parse({'vid': entry(([1, 2], 'dog', 0))}, classes=['cat'])


def test_white_space_around_labels_is_cut_and_the_classes_of_the_config_are_read_alike():
    database = {'v': entry(([1, 2], ' cat'), ([1, 3], 'cat'), ([2, 3], 'Ambiguous '), ([2, 4], 3), ([2, 5], '3.0'))}
    for classes in (None, ['3', 'cat '], [3.0, ' cat']):
        annotations = parse_annotations(from_database(database, 'f'), ['train'], classes, ignore_labels=['Ambiguous'])
        assert annotations.classes == ('3', 'cat')
        assert annotations.records()[0]['labels'].tolist() == [1, 1, -1, 0, 0]
    with pytest.raises(UserInputError, match=r"classes names a label twice: \('cat', 'cat'\)"):
        parse(database, classes=['cat', 'cat '])


def test_an_id_is_one_name_in_both_unicode_forms(tmp_path):
    path = tmp_path / 'ann.json'
    path.write_text(json.dumps({'database': {'cafe\u0301': {}, 'x': {}}}))
    assert list(read_events(path).video_ids) == ['caf\xe9', 'x']
    path.write_text(json.dumps({'database': {'cafe\u0301': {}, 'caf\xe9': {}}}))
    with pytest.raises(UserInputError, match='repeated-video-id, video caf\xe9'):
        read_events(path)


@pytest.mark.parametrize(('times', 'hz'), [('frames', 25), (1000, 1000)])
def test_times_in_frames_or_other_ticks_are_as_those_in_seconds(times, hz):
    in_seconds = [([1, 2.5], 'x'), ([9.5, 12], 'x'), ([3, 3], 'y'), (['0:04', '0:05'], 'y')]
    in_ticks = [([time * hz for time in segment] if label == 'x' else segment, label) for segment, label in in_seconds]
    in_ticks[2] = ([str(3 * hz), str(3 * hz)], 'y')
    for clip in (True, False):
        (expected,), (record,) = (
            parse_annotations(from_database({'v': entry(*events)}, 'f'), ['train'], times=unit).records(clip)
            for events, unit in ((in_seconds, 'seconds'), (in_ticks, times))
        )
        np.testing.assert_allclose(record['segments_sec'], expected['segments_sec'])
        assert record['labels'].tolist() == expected['labels'].tolist()


def test_times_in_frames_need_the_video_s_rate():
    database = {'v': {**entry(([25, 50], 'x')), 'fps': None}}
    with pytest.raises(UserInputError, match=r'missing-fps, video v, .* in frames'):
        parse_annotations(from_database(database, 'f'), ['train'], times='frames').records()


def test_most_events_beyond_their_videos_are_an_error_that_names_the_unit():
    events = [([100 * place, 100 * place + 60], 'x') for place in range(1, 8)]
    database = {'v': entry(*events, duration=31.0)}
    with pytest.raises(UserInputError, match=r"wrong-times, f: 7 of 7 events end .* frames, .* times='frames'"):
        parse_annotations(from_database(database, 'f'), ['train']).records()
    assert len(parse_annotations(from_database(database, 'f'), ['train'], times='frames').records()[0]['labels']) == 7
    del database['v']['duration']
    measured = parse_annotations(from_database(database, 'f'), ['train'], measure=lambda *_: 31.0).problems
    assert [x.severity for x in measured if x.kind == 'wrong-times'] == ['warning']  # the stride may be wrong


def test_given_classes_number_the_labels():
    record = parse({'v': entry(([1, 2], 'cat', 0), ([1, 3], 'dog', 1))}, classes=['dog', 'cat'])[0]
    assert record['labels'].tolist() == [1, 0]


def test_variants_of_the_layout_are_read():
    database = {
        'a': {
            'subset': 'training',
            'duration_second': '12.5',
            'fps': None,
            'annotations': [{'segment': ['1', '0:02.5'], 'label': 'x', 'label_id': None}],
        },
        'b': {'subset': 'testing', 'duration': 3},
    }
    train, test = parse(database), parse(database, 'test')
    assert (train[0]['duration_sec'], train[0]['fps']) == (12.5, None)
    assert train[0]['segments_sec'].tolist() == [[1.0, 2.5]]
    assert test[0]['segments_sec'].shape == (0, 2)
    assert test[0]['labels'].shape == test[0]['ignored'].shape == (0,)


@pytest.mark.parametrize('clip', [True, False])
def test_what_loading_mends_is_one_warning_a_kind(clip, logged):
    """Published files have all of it; what is scored stays as annotated."""
    database = {
        'a': entry(([-1, 2], 'x'), ([9, 12], 'x'), ([11, 12], 'x'), ([3, 3], 'x'), ([4, 5], 'x'), ([4, 5], 'x')),
        'b': entry(([8, 10.5], 'y'), ([7, 6], 'x'), ([74, 28], 'x')),
    }
    a, b = parse_annotations(from_database(database, 'ann.json'), ['train'], ['x', 'y']).records(clip)
    if clip:
        assert a['segments_sec'].tolist() == [[0, 2], [9, 10], [4, 5], [4, 5]] and b['segments_sec'].tolist() == [
            [8, 10]
        ]
    else:
        assert a['segments_sec'].tolist() == [[-1, 2], [9, 12], [11, 12], [3, 3], [4, 5], [4, 5]]
        assert b['segments_sec'].tolist() == [[8, 10.5]]
    assert (a['labels'].tolist(), b['labels'].tolist()) == ([0] * len(a['segments_sec']), [1])
    assert len(a['ignored']) == len(a['labels'])
    assert [message.split(':')[1].strip() for message in logged] == [
        'event-beyond-video, 3 times (videos a, b)',
        'empty-event, 2 times (videos a)',
        'duplicate-event, 1 times (videos a)',
        'reversed-event, 2 times (videos b)',
    ]


def test_a_video_that_names_no_subset_is_left_out_with_a_warning(logged):
    (record,) = parse({'a': entry(([1, 2], 'x'), subset=1), 'b': entry(([1, 2], 'x')), 'c': entry(subset=None)})
    assert record['video_id'] == 'b' and len(logged) == 1 and 'missing-subset, 2 times (videos a, c)' in logged[0]


def test_durations_that_the_file_does_not_tell_are_measured():
    database = {'a': entry(([1, 30], 'x')), 'b': entry(([1, 30], 'x')), 'c': entry(subset='test')}
    for name in 'bc':
        del database[name]['duration']
    asked = []

    def measure(video_id, fps):
        asked.append((video_id, fps))
        return 20.0

    annotations = parse_annotations(from_database(database, 'ann.json'), ['train'], measure=measure)
    assert asked == [('b', 25.0)]
    assert [record['segments_sec'].tolist() for record in annotations.records()] == [[[1, 10]], [[1, 20]]]
    assert ('missing-duration', 'b', 'warning') in {(p.kind, p.video_id, p.severity) for p in annotations.problems}
    del database['a']['duration']  # where no video has one, it is meant so
    found = parse_annotations(from_database(database, 'ann.json'), ['train'], measure=measure).problems
    assert {problem.severity for problem in found if problem.kind == 'missing-duration'} == {'info'}


def test_one_broken_entry_does_not_hide_the_others():
    events = [
        dict(segment=[2, 1], label='a'),
        dict(segment=[1, 1], label='a'),
        dict(segment=[1, 2]),
        dict(segment=[1, 2], label='a'),
        dict(segment=[1, 2], label='b'),
        dict(segment=[1.0, 2.0], label='a'),
        dict(segment=[1.0], label=[]),
    ]
    database = {
        'y': {**entry(), 'duration': '?', 'annotations': events},
        'z': entry(fps=0),
        'other': entry(subset='test'),
    }
    del database['other']['duration']  # not asked for
    annotations = parse_annotations(from_database(database, 'ann.json'), ['Training', 'val'])
    assert [(problem.kind, problem.video_id, problem.event) for problem in annotations.problems] == [
        ('wrong-duration', 'y', None),
        ('reversed-event', 'y', 0),
        ('empty-event', 'y', 1),
        ('wrong-label', 'y', 2),
        ('duplicate-event', 'y', 5),
        ('wrong-label', 'y', 6),
        ('wrong-segment', 'y', 6),
        ('wrong-fps', 'z', None),
        ('empty-subset', '', None),
    ]
    assert annotations.rows.tolist() == [1, 3, 4, 5]


def test_ignored_labels_are_no_class_and_have_no_number():
    database = {'a': entry(([1, 2], 'Ambiguous', 0), ([3, 4], 'Diving', 0))}
    annotations = parse_annotations(from_database(database, 'f'), ['train'], ignore_labels=['Ambiguous'])
    (record,) = annotations.records()
    assert annotations.classes == ('Diving',)
    assert record['labels'].tolist() == [-1, 0]
    assert record['ignored'].tolist() == [True, False]


def test_unknown_subset_names_those_there_are():
    with pytest.raises(
        UserInputError, match=r"empty-subset, ann\.json: the subsets \['train'\]; expected a video of the subset 'val'"
    ):
        parse({'a': entry(([1, 2], 'x'))}, 'Validation')


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('{', 'is not JSON'),
        ('[]', 'of no known format: it is JSON'),
        ('[' * 100_000, 'is not JSON'),
        ('{"database": [1]}', "key 'database'"),
        ('{"x": {}}', "of no known format: it is JSON with the keys 'x'"),
        ('{"database": {"a": {}, "b": [1, 2]}}', r'wrong-entry, video b, .*: \[1, 2\]; expected a mapping'),
        ('{"database": {"a": {}, "b": {"a": 1}, "a": {}}}', 'repeated-video-id, video a, '),
    ],
)
def test_a_file_of_another_kind_is_an_error(tmp_path, text, said):
    path = tmp_path / 'ann.json'
    path.write_text(text)
    with pytest.raises(UserInputError, match=said):
        read_events(path)
    with pytest.raises(UserInputError, match='Cannot read the file of events'):
        read_events(tmp_path / 'absent.json')


def test_thumos14_is_read_whole(shared_data, logged):
    ann_file = str(shared_data / 'annotations/thumos14.json')
    annotations = parse_annotations(read_raw(ann_file), ['validation', 'test'])
    classes = annotations.classes
    raw = json.loads((shared_data / 'annotations/thumos14.json').read_text())['database']
    videos = {record['video_id']: record for record in annotations.records()}
    assert (len(videos), len(classes)) == (412, 20)
    assert (classes[4], classes[7]) == ('CliffDiving', 'Diving')
    assert sum(len(v['annotations']) for v in raw.values()) == 6365
    # Thirty events begin after the end of their videos (22 of them in video_test_0000270).
    beyond = sum(a['segment'][0] >= v['duration'] for v in raw.values() for a in v['annotations'])
    assert beyond == 30
    assert sum(int(re.search(r'empty-event, (\d+) times', message)[1]) for message in logged) == beyond
    assert sum(len(v['labels']) for v in videos.values()) == 6365 - beyond
    for video_id, video in videos.items():
        kept = [a for a in raw[video_id]['annotations'] if a['segment'][0] < raw[video_id]['duration']]
        assert [classes[label] for label in video['labels']] == [a['label'] for a in kept]
        assert video['segments_sec'].ravel().tolist() == np.ravel([a['segment'] for a in kept]).tolist()


def test_thumos14_s_seconds_survive_the_grid_and_back(shared_data):
    """In float32 grid steps, as the pipeline has them, at the frame rate of each video."""
    ann_file = str(shared_data / 'annotations/thumos14.json')
    for record in parse_annotations(read_raw(ann_file), ['validation', 'test']).records():
        grid = FeatureGrid(4, 16, record['fps'])
        steps = grid.to_grid(record['segments_sec']).astype(np.float32)
        np.testing.assert_allclose(grid.to_sec(steps.astype(np.float64)), record['segments_sec'], rtol=0, atol=1e-4)
