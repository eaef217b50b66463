"""Every kind of problem, planted alone in clean data: found by its name, with its video, and nothing else; and what the
doctor calls an error stops loading, and the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from checkable_data import PARTS, CheckableData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.registry import DATASETS

from mmdel.datasets.checks import clean, diagnose
from mmdel.datasets.feature_pack import PackWriter
from mmdel.events.formats.activitynet import to_database
from mmdel.events.problems import KINDS
from mmdel.utils.errors import UserInputError

# What only the comparison of all videos, loaders or the model shows; every other error stops loading.
COMPARED = {'widths-differ', 'wrong-hop', 'different-classes', 'leak-video-id', 'leak-features'}
# What a cleaned file leaves as it is, for a person to mend or to accept.
UNCURED = {
    *('missing-subset', 'missing-duration', 'missing-fps', 'mixed-labels', 'missing-label-id', 'too-many-classes'),
    *('similar-labels', 'no-event', 'missing-folder', 'streams-differ', 'unseen-class', 'empty-class'),
    'leak-annotations',
}
# How data, model and training fit: without a model nothing can be said of it.
FIT = {'ignored-time', 'unlearnable-event', 'too-many-events', 'short-epoch'}


class Plant(NamedTuple):
    """What to do to the data, and what is then found, of ``train_01`` if no video is named."""

    kind: str
    do: Callable[[CheckableData], Any]
    video_id: str = 'train_01'
    options: dict = {}
    needs_content: bool = False


def entry(**change):
    """Changes the entry of a video; None deletes."""

    def do(data):
        for key, value in change.items():
            data.database['train_01'][key] = value
            if value is Ellipsis:
                del data.database['train_01'][key]

    return do


def event(**change):
    return lambda data: data.events('train_01')[0].update(change)


def more(video_id='train_01', **annotation):
    return lambda data: data.events(video_id).append(annotation)


def feature(part, function):
    return lambda data: data.change('train_01', part, function)


def cut(data):
    data.path('train_01', 'rgb').write_bytes(data.path('train_01', 'rgb').read_bytes()[:-1])


def as_in(video_id, change=lambda array: array):
    """The features of a training video in a test video, or changed."""

    def do(data):
        for part in PARTS:
            data.change(video_id, part, lambda _, part=part: change(np.load(data.path('train_01', part))))
        data.database[video_id]['duration'] = data.database['train_01']['duration']

    return do


def same_events(data):
    as_in('test_01', lambda array: 0.5 * array)(data)
    data.database['test_01']['annotations'] = list(reversed(data.events('train_01')))


def another_name(data):
    data.database['v_TEST-01.mp4'] = dict(data.database['train_01'], annotations=data.events('train_01')[:2])
    for part in PARTS:
        data.path('v_TEST-01.mp4', part).write_bytes(data.path('train_01', part).read_bytes())
        data.change('v_TEST-01.mp4', part, lambda array: 0.5 * array)


def numbers_and_texts(data):
    for video_id in data.database:
        data.database[video_id]['annotations'] = [dict(x, label_id=None) for x in data.events(video_id)]
    data.events('train_01')[0]['label'] = 3
    data.events('train_00')[0]['label'] = '3'


def no_event_of(subset):
    return lambda data: [x.update(annotations=[]) for name, x in data.database.items() if name.startswith(subset)]


def another_spelling(data):
    for video_id in data.database:
        data.database[video_id]['annotations'] = [dict(x, label_id=None) for x in data.events(video_id)]
    data.events('train_01')[0]['label'] = 'Bark'
    data.events('test_01')[0]['label'] = 'bark '  # white space is cut


def in_frames(data):
    for video_id in data.database:
        for annotation in data.events(video_id):
            annotation['segment'] = [25 * (time + 1) for time in annotation['segment']]


def of_one_length(data):
    for video_id in data.database:
        data.change(video_id, 'vggish', lambda array: np.resize(array, (150, 5)))


def short_streams(data):
    data.database['train_01']['duration'] *= 0.97
    data.change('train_01', 'vggish', lambda array: array[:-4])


PLANTS = dict(
    an_entry_that_is_a_list=Plant('wrong-entry', lambda data: data.database.update(train_01=[1, 2])),
    no_subset=Plant('missing-subset', entry(subset=...)),
    no_duration=Plant('missing-duration', entry(duration=...)),
    a_duration_of_nan=Plant('wrong-duration', entry(duration=float('nan'))),
    no_fps=Plant('missing-fps', entry(fps=...)),
    an_fps_of_zero=Plant('wrong-fps', entry(fps=0)),
    a_segment_that_is_a_text=Plant('wrong-segment', event(segment='12')),
    end_before_start=Plant('reversed-event', event(segment=[3, 2])),
    end_at_start=Plant('empty-event', event(segment=[3, 3])),
    an_event_that_ends_after_the_video=Plant('event-beyond-video', event(segment=[1, 900])),
    an_event_twice=Plant('duplicate-event', lambda data: more(**data.events('train_01')[0])(data)),
    no_label=Plant('wrong-label', event(label=None)),
    numbers_and_texts=Plant('mixed-labels', numbers_and_texts, ''),
    another_spelling_of_a_class=Plant('similar-labels', another_spelling),
    a_label_that_is_no_class=Plant('unknown-label', event(label='brak'), options=dict(classes=['bark', 'bell', 'car'])),
    a_new_label_without_an_id=Plant('missing-label-id', more(segment=[1, 2], label='cow')),
    a_negative_id=Plant('wrong-label-id', event(label_id=-1)),
    one_event_with_another_id=Plant('label-id-clash', event(label_id=0)),
    a_class_only_in_the_test=Plant('unseen-class', more('test_01', segment=[1, 2], label='cow', label_id=3), 'test_01'),
    a_class_more_than_the_config_says=Plant('too-many-classes', lambda data: None, '', dict(num_classes=2)),
    a_class_less_than_the_config_says=Plant('empty-class', lambda data: None, '', dict(num_classes=4)),
    nothing_to_learn=Plant('no-event', no_event_of('train'), ''),
    nothing_to_score=Plant('no-event', no_event_of('test'), ''),
    no_file=Plant('missing-file', lambda data: data.path('train_01', 'flow').unlink()),
    a_file_in_other_letters=Plant(
        'missing-file', lambda data: data.path('train_01', 'flow').rename(data.root / 'features/Train_01_Flow.npy')
    ),
    no_folder=Plant('missing-folder', lambda data: None, '', dict(streams__audio__root='nowhere')),
    a_file_cut_off_by_a_byte=Plant('unreadable-file', cut),
    an_axis_too_many=Plant('wrong-array', feature('rgb', lambda array: array[None])),
    one_nan=Plant(
        'not-finite', feature('rgb', lambda array: np.insert(array[1:], 3, np.nan, axis=0)), needs_content=True
    ),
    an_array_transposed=Plant('transposed-feature', feature('vggish', lambda array: array.T)),
    a_part_transposed=Plant('transposed-feature', feature('flow', lambda array: array.T)),
    a_channel_too_few=Plant('wrong-width', feature('vggish', lambda array: array[:, 1:])),
    a_part_with_a_channel_too_few=Plant('wrong-width', feature('flow', lambda array: array[:, 1:])),
    another_width_than_the_other_videos=Plant(
        'widths-differ', feature('vggish', lambda array: array[:, 1:]), options=dict(streams__audio__channels=None)
    ),
    a_part_that_is_short=Plant('parts-differ', feature('flow', lambda array: array[:-5])),
    a_stream_of_half_the_length=Plant('wrong-length', feature('vggish', lambda array: array[:28])),
    a_stream_that_is_a_little_long=Plant('wrong-length', feature('vggish', lambda array: np.tile(array, (2, 1))[:70])),
    one_stream_a_little_long_and_one_a_little_short=Plant('streams-differ', short_streams),
    the_features_of_a_test_video=Plant('leak-features', as_in('test_01'), needs_content=True),
    the_events_of_a_test_video=Plant('leak-annotations', same_events),
    a_test_video_under_another_name=Plant('leak-video-id', another_name, 'v_TEST-01.mp4'),
)


def loading_error(cfg) -> str:
    """What the first loader says that does not load; empty if every video of every loader does."""
    try:
        for split in ('train', 'val', 'test'):
            dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
            for index in range(len(dataset)):
                dataset[index]
    except UserInputError as error:
        return str(error)
    return ''


def test_the_clean_data_are_clean(data, find):
    assert find() == find(headers_only=True) == []
    assert not loading_error(data.cfg())


@pytest.mark.parametrize('plant', [pytest.param(plant, id=name) for name, plant in PLANTS.items()])
def test_a_planted_problem_is_found_alone_stops_loading_if_it_is_an_error_and_is_cured(data, find, plant):
    plant.do(data)
    expected = [(plant.kind, plant.video_id)]
    assert find(**plant.options) == expected
    assert find(headers_only=True, **plant.options) == ([] if plant.needs_content else expected)
    diagnosis = diagnose(data.cfg(**plant.options))
    (problem,) = diagnosis.problems
    said = loading_error(data.cfg(**plant.options))
    if problem.kind in ('missing-file', 'missing-folder'):
        assert 'lack feature files' in said and problem.file in said
    elif problem.severity == 'error' and problem.kind not in COMPARED:
        assert problem.line() in said or problem.line().replace(f'video {problem.video_id}, ', '') in said
    else:
        assert said == ''
    cleaned, done = clean(diagnosis.sources[0])
    data.database = to_database(cleaned)
    assert find(**plant.options) == ([] if done else expected)
    cured = problem.severity == 'error' if problem.kind == 'wrong-length' else problem.kind not in UNCURED
    assert bool(done) == cured


def test_every_kind_is_planted():
    """Here or in the tests below."""
    below = {'empty-subset', 'repeated-video-id', 'no-label', 'leak-subset', 'different-classes'}
    below |= {'wrong-hop', 'wrong-times', 'resized-features'}
    assert {plant.kind for plant in PLANTS.values()} | below | FIT == set(KINDS)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**13) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
TIMES = st.floats(-3, 13) | st.integers(-3, 13) | st.sampled_from(['1', '0:03', 'x', float('nan')])
ANNOTATION = st.fixed_dictionaries(
    dict(segment=st.tuples(TIMES, TIMES).map(list), label=st.sampled_from(['a', 'b', 'c', 3, '3'])),
    optional=dict(label_id=st.integers(0, 3)),
)
ENTRY = st.fixed_dictionaries(
    dict(subset=st.sampled_from(['train', 'Test', 'other']), annotations=st.lists(ANNOTATION, max_size=4)),
    optional=dict(duration=st.just(2.56), fps=st.just(25)),
)
DATABASE = st.dictionaries(st.sampled_from(['train_00', 'train_01', 'test_00', 'other']), ENTRY, min_size=1)


@st.composite
def broken_databases(draw):
    """A database with up to two places that hold anything."""
    database = draw(DATABASE)
    for _ in range(draw(st.integers(0, 2))):
        place: Any = database
        for _ in range(draw(st.integers(0, 4))):
            keys = list(place) if isinstance(place, dict) else range(len(place)) if isinstance(place, list) else []
            if not keys:
                break
            key = draw(st.sampled_from(list(keys)))
            if draw(st.booleans()) or not isinstance(place[key], (dict, list)):
                place[key] = draw(ANYTHING)
                break
            place = place[key]
    return database


@pytest.fixture(scope='module')
def few(tmp_path_factory) -> CheckableData:
    data = CheckableData(tmp_path_factory.mktemp('few') / 'data', num_train=2, num_test=1)
    for part in PARTS:
        data.path('other', part).write_bytes(data.path('train_00', part).read_bytes())
    return data


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(broken_databases(), st.booleans(), st.booleans())
def test_the_annotations_of_a_data_set_load_if_and_only_if_the_doctor_lists_no_error(few, database, given, with_fps):
    few.ann_file.write_text(json.dumps(dict(database=database)))
    options = dict(classes=['a', 'b', 'c', 3]) if given else {}
    cfg = few.cfg(**options, **(dict(streams__visual__fps=25) if with_fps else {}))
    problems = diagnose(cfg, headers_only=True).problems
    assert all(problem.found and problem.expected for problem in problems)
    of_file = list(KINDS)[: list(KINDS).index('missing-file') + 1]
    errors = [problem for problem in problems if problem.severity == 'error' and problem.kind in of_file]
    try:
        for split in ('train', 'val', 'test'):
            DATASETS.build(cfg[f'{split}_dataloader'].dataset)
    except UserInputError as error:
        said = str(error)
        assert errors and ('lack feature files' in said or any(problem.line() == said for problem in errors))
    else:
        assert not errors


def test_an_id_twice_in_the_file_and_a_file_without_labels(data):
    text = data.ann_file.read_text()
    item = json.dumps(data.database['train_01'])
    data.ann_file.write_text(text.replace('"train_01"', f'"train_01": {item}, "train_01"'))
    (problem,) = diagnose(data.cfg()).problems
    assert (problem.kind, problem.video_id) == ('repeated-video-id', 'train_01')
    assert loading_error(data.cfg()) == problem.line()
    no_event_of('t')(data)
    data.save()
    assert [(x.kind, x.severity) for x in diagnose(data.cfg()).problems] == [
        ('no-event', 'error'),
        ('no-label', 'error'),
        ('no-event', 'warning'),
        ('no-label', 'warning'),
    ]


def test_a_subset_that_is_not_there(data):
    cfg = data.cfg()
    cfg.val_dataloader.dataset.subset = 'Validation'
    (problem,) = diagnose(cfg).problems
    assert problem.kind == 'empty-subset' and "'val'" in problem.expected and "['test', 'train']" in problem.found
    assert loading_error(cfg) == problem.line()


def test_a_stream_without_its_folder_does_not_hide_the_other(data, find):
    data.change('train_01', 'rgb', lambda array: array[:, 1:])
    assert find(streams__audio__root='nowhere') == [('missing-folder', ''), ('wrong-width', 'train_01')]


@pytest.mark.parametrize(
    ('stride', 'change', 'found', 'expected'),
    [
        (96, lambda array: array, 'a step about every 0.32 s', '0.96 s; or stride=32 at fps=100'),
        (32, lambda array: array[: round(len(array) / 3)], 'a step about every 0.96 s', '0.32 s; or stride=96 at'),
    ],
)
def test_a_hop_that_contradicts_most_videos_is_one_problem(data, stride, change, found, expected):
    """UnAV-100's VGGish steps are 0.32 s apart; VGGish's own are 0.96 s apart."""
    for video_id in data.database:
        data.change(video_id, 'vggish', change)
    cfg = data.cfg(streams__audio__stride=stride)
    (problem,) = diagnose(cfg).problems
    assert problem.kind == 'wrong-hop' and problem.found.startswith(f"stream 'audio': 8 of 8 videos have {found}")
    assert expected in problem.expected and 'wrong-length' in loading_error(cfg)


def test_times_in_frames_are_an_error_with_the_option_that_reads_them(data):
    in_frames(data)
    data.save()
    problems = diagnose(data.cfg()).problems
    assert [problem.kind for problem in problems] == ['wrong-times', 'wrong-times', 'no-event']
    assert problems[0].found == '15 of 15 events end after their videos' and problems[1].found.startswith('9 of 9')
    assert "times='frames'" in problems[0].expected and problems[0].line() in loading_error(data.cfg())
    errors = [x.kind for x in diagnose(data.cfg(times='frames')).problems if x.severity == 'error']
    assert not errors and loading_error(data.cfg(times='frames')) == ''


def test_features_of_one_length_are_one_problem_and_an_option_reads_them(data):
    of_one_length(data)
    (problem,) = diagnose(data.cfg()).problems
    assert (problem.kind, problem.video_id) == ('resized-features', '')
    assert problem.found == "stream 'audio': 150 steps in each of 8 videos of 10.47 to 20.95 s"
    assert 'a step every 0.32 s' in problem.expected and 'resized=True' in problem.expected
    said = loading_error(data.cfg())
    assert "resized-features: stream 'audio': 150 steps in each of 5 videos" in said
    cfg = data.cfg()
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.pipeline[1].max_extent_ratio = 10.0
    assert [(x.kind, x.severity) for x in diagnose(cfg).problems] == [('resized-features', 'warning')]
    assert loading_error(cfg) == ''
    cfg = data.cfg(streams__audio__resized=True)
    assert diagnose(cfg).problems == [] and loading_error(cfg) == ''


def test_streams_that_may_end_early_do_so_for_the_doctor_too(data, find):
    data.change('train_01', 'vggish', lambda array: array[:10])
    cfg = data.cfg()
    assert 'wrong-length' in loading_error(cfg)
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.pipeline[1].max_extent_ratio = 10.0
    assert [(x.kind, x.severity) for x in diagnose(cfg).problems] == [('wrong-length', 'warning')]
    assert loading_error(cfg) == ''


def test_a_subset_that_is_trained_and_scored(data):
    cfg = data.cfg()
    cfg.train_dataloader.dataset.subset = ['train', 'test']
    (problem,) = diagnose(cfg).problems
    assert problem.kind == 'leak-subset'
    assert problem.found == "'test' in train_dataloader.dataset, val_dataloader.dataset, test_dataloader.dataset"


def test_files_that_number_the_classes_differently(data):
    other = data.root / 'other.json'
    database = {name: value for name, value in data.database.items() if name.startswith('test')}
    for video_id in database:
        for annotation in database[video_id]['annotations']:
            annotation['label_id'] = 2 - annotation['label_id']
    other.write_text(json.dumps(dict(database=database)))
    cfg = data.cfg()
    cfg.val_dataloader.dataset.ann_file = cfg.test_dataloader.dataset.ann_file = 'other.json'
    (problem,) = diagnose(cfg).problems
    assert (problem.kind, problem.file) == ('different-classes', str(other))


def test_without_durations_events_are_held_against_the_features(data):
    for item in data.database.values():
        end_sec = item.pop('duration')
    data.events('test_02')[0]['segment'] = [1, end_sec + 1]
    data.events('test_02')[1]['segment'] = [end_sec + 1, end_sec + 2]
    data.save()
    problems = diagnose(data.cfg()).problems
    assert [(x.kind, x.video_id, x.place) for x in problems if x.severity != 'info'] == [
        ('empty-event', 'test_02', 'event 1'),
        ('event-beyond-video', 'test_02', 'event 0'),
    ]
    assert [x.kind for x in problems if x.severity == 'info'] == 8 * ['missing-duration']
    assert loading_error(data.cfg()) == ''


def test_a_model_with_fewer_classes(data):
    cfg = data.cfg()
    for number, kinds in ((2, ['too-many-classes']), (3, []), (4, []), (1, [])):
        cfg.model = dict(head=dict(num_classes=number))
        assert [problem.kind for problem in diagnose(cfg).problems] == kinds


def test_what_data_model_and_training_make_of_one_another(data):
    """Before, nothing was said of any of them."""
    cfg = data.cfg(ignore_labels=['bark'])
    cfg.model = dict(
        head=dict(
            type='mmdel.AnchorFreeHead',
            num_classes=2,
            feat_channels=4,
            point_generator=dict(type='mmdel.PointGenerator', regress_ranges=[(0, 4), (4, 10000)]),
            assigner=dict(type='mmdel.PointAssigner'),
            nms=dict(type='mmdel.SegmentNMS', max_num=2),
        )
    )
    for video_id in data.database:
        data.database[video_id]['annotations'] = [dict(x, label_id=None) for x in data.events(video_id)]
    short = dict(segment=[5.0, 5.05], label='bell')
    for video_id, more in (('train_01', [short, short | dict(segment=[5.4, 5.45])]), ('test_01', [short])):
        data.events(video_id).extend(more)
        data.events(video_id)[0]['segment'] = [0.0, data.database[video_id]['duration']]
    data.save()
    cfg.train_dataloader.dataset.pipeline.insert(2, dict(type='mmdel.RandomTemporalCrop', max_len=20))
    problems = diagnose(cfg).problems
    assert {problem.kind for problem in problems} == FIT and {problem.severity for problem in problems} == {'warning'}
    assert [(x.video_id, x.found[:8]) for x in problems if x.kind == 'too-many-events'] == [
        ('train_01', '4 events'),
        ('test_01', '3 events'),
    ]
    (found,) = (
        problem.found for problem in problems if problem.kind == 'unlearnable-event' and 'bell' in problem.found
    )
    assert found.startswith("'bell': ") and '2 between two steps' in found
    # A wrapper that repeats, or pieces, make an epoch of all; labels that are dropped cover nothing.
    inner = dict(cfg.train_dataloader.dataset)
    cfg.train_dataloader.dataset = Config(dict(type='mmengine.RepeatDataset', times=4, dataset=inner))._cfg_dict
    assert {problem.kind for problem in diagnose(cfg).problems} == FIT - {'short-epoch'}
    cfg.train_dataloader.dataset = dict(inner, pieces=True)
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.update(ignore_labels=[], drop_labels='bark')
    assert {problem.kind for problem in diagnose(cfg).problems} >= FIT - {'short-epoch', 'ignored-time'}
    assert not {problem.kind for problem in diagnose(cfg).problems} & {'short-epoch', 'ignored-time'}
    cfg.model.head.nms = dict(type='mmdel.SegmentNMS', max_number=2)
    with pytest.raises(UserInputError, match=r'model\.head of the config cannot be built: .*max_number'):
        diagnose(cfg)


def test_packed_features_are_checked_as_files_are(data):
    pack = str(data.root / 'features.lmdb')
    writer = PackWriter(pack)
    for video_id in data.database:
        parts = [np.load(data.path(video_id, part)) for part in ('rgb', 'flow')]
        writer.put(f'visual/{video_id}', np.concatenate(parts, axis=1))
        if video_id != 'train_02':
            writer.put(f'audio/{video_id}', np.load(data.path(video_id, 'vggish')))
    writer.put('audio/train_01', np.full((57, 5), np.nan))
    writer.close()
    options = dict(streams__visual__root=f'{pack}/visual', streams__audio__root=f'{pack}/audio')
    cfg = data.cfg(**options, streams__visual__files=['{id}'], streams__audio__files=['{id}'])
    for num_workers in (0, 2):
        problems = diagnose(cfg, num_workers=num_workers).problems
        assert [(problem.kind, problem.video_id, problem.file) for problem in problems] == [
            ('missing-file', 'train_02', f'{pack}/audio/train_02'),
            ('not-finite', 'train_01', f'{pack}/audio/train_01'),
        ]


def test_missing_files_are_warnings_where_the_config_skips_them_and_some_are_left(data):
    data.path('test_01', 'rgb').unlink()
    cfg = data.cfg(missing='skip')
    assert [(x.kind, x.severity) for x in diagnose(cfg).problems] == [('missing-file', 'warning')]
    assert loading_error(cfg) == ''
    for video_id in ('test_00', 'test_02'):
        data.path(video_id, 'rgb').unlink()
    assert [(x.kind, x.severity) for x in diagnose(cfg).problems] == 3 * [('missing-file', 'error')]
    assert '3 of the 3 videos' in loading_error(cfg)


def test_videos_that_no_loader_reads_need_no_files(data, find):
    data.database['other'] = dict(subset='unused', annotations=[])
    assert find() == []


def test_a_data_set_in_a_wrapper_is_read_with_its_own_pipeline(data):
    cfg = data.cfg()
    inner = dict(cfg.train_dataloader.dataset)
    cfg.train_dataloader.dataset = Config(dict(type='mmengine.ConcatDataset', datasets=[inner]))._cfg_dict
    data.change('train_01', 'vggish', lambda array: array[:10])
    assert [(x.kind, x.severity) for x in diagnose(cfg).problems] == [('wrong-length', 'error')]
