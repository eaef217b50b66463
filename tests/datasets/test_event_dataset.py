import time
import unicodedata

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from mmdel.datasets import EventDataset
from mmdel.registry import DATASETS
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

LOAD = [{'type': 'mmdel.LoadFeatures'}, {'type': 'mmdel.AlignStreams'}]
PIPELINE = [*LOAD, {'type': 'mmdel.PackEvents'}]


def database(num=3):
    """``num`` training videos with one event each but the last, and one test video."""
    events = [[{'segment': [i, i + 2.0], 'label': f'c{i}'}] for i in range(num - 1)]
    videos = {f'v{i}': {'subset': 'train', 'annotations': mine} for i, mine in enumerate([*events, []])}
    videos['t0'] = {'subset': 'test', 'annotations': [{'segment': [1, 2], 'label': 'only in test'}]}
    return {name: {'duration': 20.0, 'fps': 1, **entry} for name, entry in videos.items()}


@pytest.fixture
def small(write_annotations, write_features):
    """Arguments of a data set of four videos with one stream."""
    videos = database()
    return {'ann_file': write_annotations(videos), 'streams': {'visual': write_features(videos)}, 'subset': 'train'}


def grid_dataset(root, subset, **more):
    stream = {'root': 'av_features', 'stride': 1, 'window': 1, 'channels': 64}
    streams = {
        'visual': {**stream, 'files': ['{id}_rgb.npy']},
        'audio': {**stream, 'files': ['{id}_vggish.npy'], 'fps': 25},
    }
    return EventDataset('annotations.json', streams, subset, data_root=str(root / 'grid_streams'), **more)


def test_grid_streams_have_their_videos_events_and_classes(shared_data):
    train, val = (grid_dataset(shared_data, subset) for subset in ('training', 'validation'))
    assert (len(train), len(val)) == (128, 24)
    assert train.metainfo['classes'] == val.metainfo['classes']
    assert len(train.metainfo['classes']) == 66
    assert sum(len(d.get_data_info(i)['labels']) for d in (train, val) for i in range(len(d))) == 11555


def test_records_hold_what_the_contract_says(small):
    record = EventDataset(**small).get_data_info(1)
    assert (record['video_id'], record['duration_sec'], record['fps']) == ('v1', 20.0, 1.0)
    assert record['segments_sec'].tolist() == [[1.0, 3.0]]
    assert (record['labels'].tolist(), record['ignored'].tolist()) == ([1], [False])
    stream = record['streams']['visual']
    assert stream['files'] == [small['streams']['visual']['root'] + '/v1.npy']
    assert stream['grid'] == FeatureGrid(1, 1, 1.0)


def test_events_beyond_their_video_are_clipped_for_training_and_scored_as_annotated(write_annotations, write_features):
    beyond = [{'segment': segment, 'label': 'c'} for segment in ([18.0, 23.0], [21.0, 22.0])]
    videos = {'v': {'subset': 'train', 'duration': 20.0, 'fps': 1, 'annotations': beyond}}
    args = {'ann_file': write_annotations(videos), 'streams': {'visual': write_features(videos)}, 'subset': 'train'}
    assert EventDataset(**args).get_data_info(0)['segments_sec'].tolist() == [[18.0, 20.0]]
    scored = EventDataset(**args, test_mode=True).get_data_info(0)['segments_sec']
    assert scored.tolist() == [[18.0, 23.0], [21.0, 22.0]]


def test_classes_come_from_the_whole_file_given_classes_from_the_config(small):
    assert EventDataset(**small).metainfo['classes'] == ('c0', 'c1', 'only in test')
    given = ['only in test', 'c1', 'c0']
    for more in ({'classes': given}, {'metainfo': {'classes': given}}):
        dataset = EventDataset(**small, **more)
        assert dataset.metainfo['classes'] == tuple(given)
        assert dataset.get_data_info(0)['labels'].tolist() == [2]


def test_num_classes_is_checked_and_fills_up(small):
    classes = EventDataset(**small, num_classes=5).metainfo['classes']
    assert classes == ('c0', 'c1', 'only in test', 'unused_3', 'unused_4')
    with pytest.raises(
        UserInputError, match=r"too-many-classes, .*: 3 classes \(the last is 'only in test'\); expected 2"
    ):
        EventDataset(**small, num_classes=2)


LFAV = {'video': 'filename', 'start': 'onset', 'end': 'offset', 'label': 'event_labels', 'subsets': ['train', 'test']}


@pytest.fixture
def table(tmp_path, write_features):
    """Arguments of a data set whose annotations are two tables without durations, with features of 20 steps at 2 Hz."""
    rows = 'filename\tonset\toffset\tevent_labels\n'
    (tmp_path / 'lfav_train.csv').write_text(rows + 'a\t1\t2\tcar\na\t9\t12\tspeech\nb\t0\t1\tdog\n')
    (tmp_path / 'lfav_test.csv').write_text(rows + 'c\t9\t12\tcar\n')
    stream = {**write_features('abc'), 'stride': 50, 'window': 100, 'fps': 100}
    return {'ann_file': str(tmp_path / 'lfav_{subset}.csv'), 'csv': LFAV, 'streams': {'audio': stream}}


def test_a_table_is_an_annotation_file_and_features_tell_durations(table, tmp_path):
    train, test = EventDataset(**table, subset='train'), EventDataset(**table, subset='test', test_mode=True)
    assert train.metainfo['classes'] == test.metainfo['classes'] == ('car', 'dog', 'speech')
    assert [train.get_data_info(i)['video_id'] for i in range(len(train))] == ['a', 'b']
    first = train.get_data_info(0)
    assert first['duration_sec'] == pytest.approx(19 * 0.5 + 1.0)  # the end of the last step's window
    assert first['segments_sec'].tolist() == [[1.0, 2.0], [9.0, 10.5]]
    assert test.get_data_info(0)['segments_sec'].tolist() == [[9.0, 12.0]]
    assert test.get_data_info(0)['labels'].tolist() == [0]
    (tmp_path / 'lfav_train.csv').unlink()  # it tells classes too
    with pytest.raises(UserInputError, match=r'Cannot read the file of events .*lfav_train\.csv: No such file'):
        EventDataset(**table, subset='test')


def test_what_reads_no_features_needs_none_and_a_video_then_lasts_until_its_last_event(table, tmp_path):
    for path in (tmp_path / 'features').iterdir():
        path.unlink()
    dataset = EventDataset(**table, subset='train', missing='ignore', test_mode=True)
    assert [dataset.get_data_info(i)['duration_sec'] for i in range(2)] == [12.0, 1.0]


def test_a_duration_that_the_annotations_tell_is_not_read_from_features(table, monkeypatch):
    monkeypatch.setattr('mmdel.datasets.event_dataset.feature_shape', None)  # would fail if called
    told = EventDataset(**{**table, 'csv': {**LFAV, 'duration_sec': 11.0}}, subset='train')
    assert told.get_data_info(0)['duration_sec'] == 11.0


def test_several_subsets_join(small):
    joined = EventDataset(**{**small, 'subset': ['Training', 'testing']})
    assert [joined.get_data_info(i)['video_id'] for i in range(len(joined))] == ['v0', 'v1', 'v2', 't0']


def test_filter_empty_and_indices(small, logged):
    assert len(EventDataset(**small)) == 3 and not logged
    assert len(EventDataset(**small, filter_empty=True)) == 2
    assert logged == ['1 of the 3 videos of subset train are left out (filter_empty): they have no event: v2']
    assert len(EventDataset(**small, filter_empty=True, ignore_labels=['c0'])) == 1
    first = EventDataset(**small, indices=1)
    assert [first.get_data_info(i)['video_id'] for i in range(len(first))] == ['v0']


def test_dropped_events_are_as_if_they_were_not_there(write_annotations, write_features):
    """Before, a label was learned, or ignored: then no prediction in its events was wrong."""
    events = [([1, 4], 'dog'), ([0, 20], 'background'), ([5, 9], 'hum'), ([7, 8], 'cat'), ([0, 0], 'background')]
    labelled = [dict(segment=segment, label=label) for segment, label in events]
    without = [event for event in labelled if event['label'] != 'background']
    options = dict(subset='train', ignore_labels=['hum'])
    videos = {'v': {'subset': 'train', 'duration': 20.0, 'fps': 1, 'annotations': without}}
    options['streams'] = {'visual': write_features(videos)}
    expected = EventDataset(write_annotations(videos), **options)
    videos['v']['annotations'] = labelled
    for drop in ('background', ['background']):
        dataset = EventDataset(write_annotations(videos), **options, drop_labels=drop)
        assert dataset.metainfo == expected.metainfo and dataset.metainfo['classes'] == ('cat', 'dog')
        assert str(dataset.get_data_info(0)) == str(expected.get_data_info(0))
    with pytest.raises(ValueError, match='ignore_labels and drop_labels both name hum'):
        EventDataset(write_annotations(videos), **options, drop_labels='hum')


def test_pieces_of_long_videos_are_the_items_of_an_epoch(small, logged):
    crop = {'type': 'mmdel.RandomTemporalCrop', 'max_len': 8, 'crop_ratio': None}
    small['pipeline'] = [*LOAD, crop, {'type': 'mmdel.PackEvents'}]

    def items(**options):
        dataset = EventDataset(**small, pieces=True, **options)
        return [dataset[index]['data_samples'] for index in range(len(dataset))]

    found = [(item.video_id, item.grid.start_frames, item.gt_instances.segments.tolist()) for item in items()]
    # 20 steps: the pieces begin at 0, 6 and 12; the events last from second 0 to 2, and from 1 to 3.
    events = {('v0', 0): [[-0.5, 1.5]], ('v1', 0): [[0.5, 2.5]]}
    assert found == [(f'v{n}', 6 * piece, events.get((f'v{n}', piece), [])) for n in range(3) for piece in range(3)]
    assert [item.video_id for item in items(filter_empty=True)] == ['v0', 'v1']
    assert logged[1] == '4 of the 6 pieces of 2 videos of subset train are left out (filter_empty): they have no event'
    with pytest.raises(UserInputError, match=r'pieces=True .* needs an mmdel\.RandomTemporalCrop'):
        EventDataset(**{**small, 'pipeline': PIPELINE}, pieces=True)


def test_records_tell_how_many_steps_the_pipeline_leaves(small):
    crop = {'type': 'mmdel.RandomTemporalCrop', 'max_len': 8, 'crop_ratio': None}
    for steps, expected in (([], 20), ([crop], 8), ([{'type': 'mmdel.ResizeStreams', 'length': 6}, crop], 6)):
        pipeline = [*LOAD, *steps, {'type': 'mmdel.PackEvents'}]
        dataset = EventDataset(**{**small, 'pipeline': pipeline})
        assert dataset.get_data_info(0)['expected_steps'] == expected == len(dataset[0]['inputs']['visual'])


def test_lazy_init_and_serialization_change_nothing(small):
    eager, lazy = EventDataset(**small), EventDataset(**small, lazy_init=True, serialize_data=False)
    assert len(lazy) == len(eager) == 3
    for i in range(3):
        assert str(lazy.get_data_info(i)) == str(eager.get_data_info(i))


def test_missing_features_are_named_with_folder_and_help(small, tmp_path):
    for name in ('v0', 'v2'):
        (tmp_path / 'features' / f'{name}.npy').unlink()
    with pytest.raises(UserInputError) as raised:
        EventDataset(**small, feature_help='Get them from https://example.org')
    message = str(raised.value)
    for part in ('2 of the 3 videos', small['ann_file'], 'v0.npy', 'v2.npy', str(tmp_path / 'features'), 'example.org'):
        assert part in message
    assert 'v1' not in message


def test_missing_videos_can_be_skipped_with_a_warning_but_not_all(small, tmp_path, logged):
    (tmp_path / 'features/v0.npy').unlink()
    dataset = EventDataset(**small, missing='skip')
    assert [dataset.get_data_info(i)['video_id'] for i in range(len(dataset))] == ['v1', 'v2']
    assert len(logged) == 1 and '1 of the 3 videos' in logged[0] and 'Skipped: v0' in logged[0]
    small['streams']['visual']['root'] = str(tmp_path / 'nowhere')
    with pytest.raises(UserInputError, match='3 of the 3 videos'):
        EventDataset(**small, missing='skip')


def test_absent_data_stops_at_once_with_what_is_wanted_where_and_how(small, tmp_path):
    small['ann_file'] = str(tmp_path / 'nowhere/annotations.json')
    start = time.perf_counter()
    with pytest.raises(UserInputError) as raised:
        EventDataset(**small, feature_help='Get them from https://example.org')
    assert time.perf_counter() - start < 1
    for part in (small['ann_file'], '{id}.npy', 'example.org'):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'stride': ...}, "stream 'visual' needs"),
        ({'widow': 3}, "stream 'visual' needs"),
        ({'files': '{id}.npy'}, 'must be a list'),
        ({'files': ['x.npy']}, "names with '{id}'"),
    ],
)
def test_wrong_options_are_errors(small, change, said):
    stream = {key: value for key, value in {**small['streams']['visual'], **change}.items() if value is not ...}
    for options, message in (
        ({'streams': {'visual': stream}}, said),
        ({'streams': {}}, 'at least one stream'),
        ({'missing': 'no'}, "'error', 'skip' or 'ignore'"),
    ):
        with pytest.raises(ValueError, match=message):
            EventDataset(**{**small, **options})


def test_fps_is_the_stream_s_else_the_annotation_s_else_an_error(small, write_annotations):
    videos = {'v0': {'subset': 'train', 'duration': 20, 'annotations': [{'segment': [1, 2], 'label': 'x'}]}}
    small['ann_file'] = write_annotations(videos, taxonomy=[], version='1')
    with pytest.raises(
        UserInputError, match=r'missing-fps, video v0, .*: no fps; expected a positive number, or fps in the stream'
    ):
        EventDataset(**small)
    small['streams']['visual']['fps'] = 30
    assert EventDataset(**small).get_data_info(0)['streams']['visual']['grid'].fps == 30


def test_the_runner_s_loader_gives_lists_of_tensors(small):
    small = {**small, 'type': 'mmdel.EventDataset', 'pipeline': PIPELINE}
    sampler = {'type': 'mmengine.DefaultSampler', 'shuffle': False}
    loader = Runner.build_dataloader({'batch_size': 2, 'num_workers': 1, 'sampler': sampler, 'dataset': small})
    first, second = list(loader)
    assert isinstance(loader.dataset, EventDataset) and isinstance(DATASETS.build(small), EventDataset)
    assert [tuple(x.shape) for x in first['inputs']['visual']] == [(20, 3), (20, 3)]
    assert first['inputs']['visual'][0].dtype == torch.float32
    assert [s.video_id for batch in (first, second) for s in batch['data_samples']] == ['v0', 'v1', 'v2']
    assert second['data_samples'][0].gt_instances.segments.shape == (0, 2)


RESIZED = {'files': ['{id}.npy'], 'resized': True}


def test_the_steps_of_resized_features_part_the_duration_evenly(write_annotations, write_features, tmp_path):
    """20 steps of 40 s are 2 s each, of 10 s half a second; the sound is put onto them by time."""
    events = [{'segment': [4.0, 8.0], 'label': 'x'}]
    entries = {
        name: {'subset': 'train', 'annotations': events, 'duration': sec} for name, sec in (('a', 40.0), ('b', 10.0))
    }
    root = write_features(entries)['root']
    for name, duration_sec in (('a', 40), ('b', 10)):
        np.save(tmp_path / f'features/{name}_sound.npy', np.arange(duration_sec * 10, dtype=np.float32)[:, None])
    sound = {'root': root, 'files': ['{id}_sound.npy'], 'stride': 1, 'window': 1, 'fps': 10}
    streams = {'visual': {'root': root, **RESIZED}, 'audio': sound}
    dataset = EventDataset(write_annotations(entries), streams, 'train', pipeline=PIPELINE)
    for index, step_sec in enumerate((2.0, 0.5)):
        item = dataset[index]
        grid, inputs = item['data_samples'].grid, item['inputs']
        assert (grid.step_sec, grid.to_sec(0.0), grid.to_sec(19.0)) == (step_sec, 0.5 * step_sec, 19.5 * step_sec)
        start, end = item['data_samples'].gt_instances.segments[0].tolist()
        assert (start, end) == (4.0 / step_sec - 0.5, 8.0 / step_sec - 0.5)
        middles_sec = step_sec * (torch.arange(20) + 0.5)
        torch.testing.assert_close(inputs['audio'][:, 0], (10 * middles_sec - 0.5).float())


def test_resized_features_tell_no_duration(write_annotations, write_features):
    entries = {'a': {'subset': 'train', 'annotations': [{'segment': [4.0, 8.0], 'label': 'x'}]}}
    streams = {'visual': {'root': write_features(entries)['root'], **RESIZED}}
    with pytest.raises(UserInputError, match='missing-duration, video a'):
        EventDataset(write_annotations(entries), streams, 'train')
    plain = {**write_features(entries), 'fps': 2}  # tells it: 20 steps of half a second
    record = EventDataset(write_annotations(entries), {**streams, 'audio': plain}, 'train').get_data_info(0)
    assert record['duration_sec'] == 10.0


@pytest.mark.parametrize(('of_ids', 'of_files'), [('NFC', 'NFD'), ('NFD', 'NFC')])
def test_ids_find_their_files_in_either_unicode_form(write_annotations, write_features, of_ids, of_files):
    names = {form: unicodedata.normalize(form, 'caf\xe9') for form in (of_ids, of_files)}
    entry = {'subset': 'train', 'fps': 1, 'annotations': [{'segment': [4.0, 8.0], 'label': 'x'}]}
    stream = write_features({names[of_files]: entry})
    dataset = EventDataset(write_annotations({names[of_ids]: entry}), {'visual': stream}, 'train', pipeline=PIPELINE)
    assert dataset[0]['inputs']['visual'].shape == (20, 3)
    assert dataset[0]['data_samples'].duration_sec == 20.0  # of the features


def test_a_test_needs_no_labels_and_a_training_does(small, write_annotations, logged):
    videos = database()
    for video in videos.values():
        video['annotations'] = [dict(segment=[i, i + 2.0], label=None) for i in range(2)]
    write_annotations(videos)
    with pytest.raises(UserInputError, match='wrong-label, video v0, event 0'):
        EventDataset(**small)
    for classes in (None, ['x', 'y']):
        dataset = EventDataset(**small, test_mode=True, num_classes=5, classes=classes)
        record = dataset.get_data_info(0)
        assert record['labels'].tolist() == [-1, -1] and not record['ignored'].any()
        assert list(dataset.metainfo['classes']) == (classes or [])
    assert ['no-label' in message for message in logged] == [True]
    videos['v1']['annotations'][0]['label'] = 'x'
    write_annotations(videos)
    assert len(EventDataset(**small | dict(subset='test'), test_mode=True)) == 1
    with pytest.raises(UserInputError, match='wrong-label, video v0, event 0'):  # some have one
        EventDataset(**small, test_mode=True)
