import json

import numpy as np
import pytest

from mmdel.datasets.annotation_file import canonical_subset, collect_classes, load_database, parse_videos
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError


def entry(*annotations, subset='train', duration=10.0, **more):
    events = [dict(zip(('segment', 'label', 'label_id'), annotation, strict=False)) for annotation in annotations]
    return {'subset': subset, 'duration': duration, 'fps': 25, 'annotations': events, **more}


def parse(database, subset='train', classes=None, ignore_labels=()):
    classes = classes or collect_classes(database, 'ann.json', ignore_labels)
    return parse_videos(database, 'ann.json', [subset], classes, ignore_labels)


@pytest.mark.parametrize(
    'spellings', [('train', 'Training', ' TRAIN'), ('val', 'validation', 'Validation'), ('test', 'Testing', 'Test')]
)
def test_spellings_of_a_subset_are_one(spellings):
    assert {canonical_subset(spelling) for spelling in spellings} == {spellings[0]}


def test_classes_follow_the_label_ids():
    database = {'a': entry(([1, 2], 'zebra', 0), ([1, 2], 'ant', 1)), 'b': entry(([0, 1], 'cat', 2), subset='test')}
    assert collect_classes(database, 'ann.json') == ('zebra', 'ant', 'cat')


def test_an_unused_label_id_keeps_its_place():
    assert collect_classes({'a': entry(([1, 2], 'ant', 2), ([1, 2], 'cat', 0))}, 'f') == ('cat', 'unused_1', 'ant')


def test_classes_without_label_ids_are_sorted_over_all_subsets():
    database = {'a': entry(([1, 2], 'zebra')), 'b': entry(([0, 1], 'cat'), ([0, 1], 'zebra'), subset='test')}
    assert collect_classes(database, 'ann.json') == ('cat', 'zebra')


@pytest.mark.parametrize(
    ('events', 'said'),
    [
        ([([1, 2], 'cat', 0), ([1, 2], 'cat', 1)], "'cat' has label_id 1, elsewhere 0"),
        ([([1, 2], 'cat', 0), ([1, 2], 'dog', 0)], "label_id 0 is 'dog', elsewhere 'cat'"),
        ([([1, 2], 'cat', 0), ([1, 2], 'dog')], 'only some labels .* none for dog'),
        ([([1, 2], 'cat', -1)], 'label_id must be a whole number >= 0, got -1'),
        ([([1, 2], 'cat', '3')], "whole number >= 0, got '3'"),
        ([([1, 2],)], "no 'label'"),
        ([], 'no labelled event'),
    ],
)
def test_wrong_labels_are_errors(events, said):
    with pytest.raises(UserInputError, match=said):
        collect_classes({'vid': entry(*events)}, 'ann.json')


def test_an_id_missing_from_one_annotation_is_found_at_another():
    database = {'a': entry(([1, 2], 'zebra', 0), ([3, 4], 'zebra'), ([1, 2], 'ant', 1))}
    assert collect_classes(database, 'f') == ('zebra', 'ant')
    assert parse(database)[0]['labels'].tolist() == [0, 0, 1]


@pytest.mark.parametrize('segment', [[float('nan'), 4], [1, float('inf')], ['a', 2], [1], [1, 2, 3], 3, 'ab', None])
def test_a_wrong_segment_names_file_video_and_segment(segment):
    with pytest.raises(UserInputError, match=r'ann\.json, video vid: .*segment'):
        parse({'vid': entry((segment, 'cat', 0), ([1, 2], 'cat', 0))}, classes=['cat'])


@pytest.mark.parametrize(
    ('field', 'value'), [('duration', 0), ('duration', 'long'), ('duration', None), ('fps', -1), ('fps', 'x')]
)
def test_a_wrong_number_names_video_and_field(field, value):
    with pytest.raises(UserInputError, match=rf'video vid: {field} must be a positive number'):
        parse({'vid': {**entry(([1, 2], 'cat', 0)), field: value}})


def test_unknown_label_of_given_classes_is_an_error():
    with pytest.raises(UserInputError, match="video vid: unknown label 'dog'; the 1 classes are cat"):
        parse({'vid': entry(([1, 2], 'dog', 0))}, classes=['cat'])


def test_given_classes_number_the_labels():
    record = parse({'v': entry(([1, 2], 'cat', 0), ([1, 3], 'dog', 1))}, classes=['dog', 'cat'])[0]
    assert record['labels'].tolist() == [1, 0]


def test_variants_of_the_layout_are_read():
    database = {
        'a': {
            'subset': 'training',
            'duration_second': '12.5',
            'annotations': [{'segment': ['1', '2.5'], 'label': 'x'}],
        },
        'b': {'subset': 'testing', 'duration': 3},
    }
    train, test = parse(database), parse(database, 'test')
    assert (train[0]['duration_sec'], train[0]['fps']) == (12.5, None)
    assert train[0]['segments_sec'].tolist() == [[1.0, 2.5]]
    assert test[0]['segments_sec'].shape == (0, 2)
    assert test[0]['labels'].shape == test[0]['ignored'].shape == (0,)


def test_events_outside_are_clipped_or_dropped_with_one_warning_each(logged):
    database = {
        'a': entry(([-1, 2], 'x'), ([9, 12], 'x'), ([11, 12], 'x'), ([3, 3], 'x'), ([4, 5], 'x')),
        'b': entry(([8, 10.5], 'x')),
    }
    a, b = parse(database)
    assert a['segments_sec'].tolist() == [[0, 2], [9, 10], [4, 5]]
    assert b['segments_sec'].tolist() == [[8, 10]]
    assert len(a['labels']) == len(a['ignored']) == 3
    assert logged == [
        'ann.json: 3 events of 2 videos (a, b) reach beyond their video and are clipped',
        'ann.json: 2 events of 1 videos (a) have no length in their video and are dropped',
    ]


@pytest.mark.parametrize('clip', [True, False])
def test_events_that_end_before_they_start_are_dropped_with_a_warning(clip, logged):
    """LFAV has some of them."""
    database = {'a': entry(([5, 4], 'x', 0), ([1, 2], 'y', 1), ([74, 28], 'x', 0)), 'b': entry(([8, 3], 'x', 0))}
    a, b = parse_videos(database, 'ann.json', ['train'], ['x', 'y'], clip=clip)
    assert (a['segments_sec'].tolist(), a['labels'].tolist(), a['ignored'].tolist()) == ([[1, 2]], [1], [False])
    assert b['segments_sec'].shape == (0, 2)
    assert logged == ['ann.json: 3 events of 2 videos (a, b) end before they start and are dropped']


def test_num_classes_gives_the_classes_at_the_end_a_place_too():
    database = {'a': entry(([1, 2], 'ant', 2), ([1, 2], 'cat', 0))}
    assert collect_classes(database, 'f', num_classes=5) == ('cat', 'unused_1', 'ant', 'unused_3', 'unused_4')
    assert collect_classes({'a': entry(([1, 2], 'ant'))}, 'f', num_classes=2) == ('ant', 'unused_1')
    with pytest.raises(UserInputError, match=r"f has 3 classes \(the last is 'ant'\), not 2"):
        collect_classes(database, 'f', num_classes=2)


def test_ignored_labels_are_no_class_and_have_no_number():
    database = {'a': entry(([1, 2], 'Ambiguous', 0), ([3, 4], 'Diving', 0))}
    record = parse(database, ignore_labels=['Ambiguous'])[0]
    assert collect_classes(database, 'f', ['Ambiguous']) == ('Diving',)
    assert record['labels'].tolist() == [-1, 0]
    assert record['ignored'].tolist() == [True, False]


def test_unknown_subset_names_those_there_are():
    with pytest.raises(UserInputError, match=r"no video of the subset \['val'\]; its subsets are \['train'\]"):
        parse({'a': entry(([1, 2], 'x'))}, 'Validation')


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('{', 'is not JSON'),
        ('[]', "key 'database'"),
        ('{"database": [1]}', "key 'database'"),
        ('{"x": {}}', 'database'),
    ],
)
def test_a_file_of_another_kind_is_an_error(tmp_path, text, said):
    path = tmp_path / 'ann.json'
    path.write_text(text)
    with pytest.raises(UserInputError, match=said):
        load_database(str(path))
    with pytest.raises(UserInputError, match='Cannot read the annotation file'):
        load_database(str(tmp_path / 'absent.json'))


def test_thumos14_keeps_both_labels_of_a_cliff_dive(shared_data):
    """Each of its 360 cliff dives is annotated a second time, to the frame, as a dive."""
    ann_file = str(shared_data / 'annotations/thumos14.json')
    database = load_database(ann_file)
    classes = collect_classes(database, ann_file)
    dives = [a for entry in database.values() for a in entry['annotations'] if a['label'] == 'CliffDiving']
    assert len(dives) == 360
    num_pairs = 0
    for record in parse_videos(database, ann_file, ['validation', 'test'], classes):
        events = {tuple(segment): set() for segment in record['segments_sec'].tolist()}
        for segment, label in zip(record['segments_sec'].tolist(), record['labels'].tolist(), strict=True):
            events[tuple(segment)].add(classes[label])
        both = [labels for labels in events.values() if 'CliffDiving' in labels]
        assert all('Diving' in labels for labels in both)
        num_pairs += len(both)
    beyond = sum(
        a['label'] == 'CliffDiving' and a['segment'][0] >= entry['duration']
        for entry in database.values()
        for a in entry['annotations']
    )
    assert num_pairs == 360 - beyond


def test_thumos14_is_read_whole(shared_data):
    ann_file = str(shared_data / 'annotations/thumos14.json')
    database = load_database(ann_file)
    classes = collect_classes(database, ann_file)
    raw = json.loads((shared_data / 'annotations/thumos14.json').read_text())['database']
    videos = {r['video_id']: r for s in ('val', 'test') for r in parse_videos(database, ann_file, [s], classes)}
    assert (len(videos), len(classes)) == (412, 20)
    assert (classes[4], classes[7]) == ('CliffDiving', 'Diving')
    assert sum(len(v['annotations']) for v in raw.values()) == 6365
    # Thirty events begin after the end of their videos (22 of them in video_test_0000270).
    beyond = sum(a['segment'][0] >= v['duration'] for v in raw.values() for a in v['annotations'])
    assert beyond == 30
    assert sum(len(v['labels']) for v in videos.values()) == 6365 - beyond
    for video_id, video in videos.items():
        kept = [a for a in raw[video_id]['annotations'] if a['segment'][0] < raw[video_id]['duration']]
        assert [classes[label] for label in video['labels']] == [a['label'] for a in kept]
        assert video['segments_sec'].ravel().tolist() == np.ravel([a['segment'] for a in kept]).tolist()


def test_thumos14_s_seconds_survive_the_grid_and_back(shared_data):
    """In float32 grid steps, as the pipeline has them, at the frame rate of each video."""
    ann_file = str(shared_data / 'annotations/thumos14.json')
    database = load_database(ann_file)
    for record in parse_videos(database, ann_file, ['validation', 'test'], collect_classes(database, ann_file)):
        grid = FeatureGrid(4, 16, record['fps'])
        steps = grid.to_grid(record['segments_sec']).astype(np.float32)
        np.testing.assert_allclose(grid.to_sec(steps.astype(np.float64)), record['segments_sec'], rtol=0, atol=1e-4)
