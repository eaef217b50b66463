"""Every kind of defect, planted alone in clean data: found by its name, with its video, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS

from mmdel.datasets.checks import KINDS, diagnose
from mmdel.datasets.checks.feature_files import FILES_A_TASK
from mmdel.datasets.feature_pack import PackWriter
from mmdel.datasets.from_config import find_uses, num_outputs

PLANTS = {}


def plant(*expected, needs_content=False, **options):
    """Registers a function that plants a defect; ``expected`` are the names, of ``train_01`` or of (name, video)."""

    def register(function):
        names = [item if isinstance(item, tuple) else (item, 'train_01') for item in expected]
        PLANTS[function.__name__] = pytest.param(function, names, needs_content, options, id=function.__name__)
        return function

    return register


def cut(path, num_bytes=200):
    path.write_bytes(path.read_bytes()[:-num_bytes])


@plant('wrong-entry')
def an_entry_that_is_a_list(data):
    data.database['train_01'] = [1, 2]


@plant('wrong-entry')
def annotations_that_are_a_mapping(data):
    data.database['train_01']['annotations'] = {'segment': [0, 1]}


@plant('wrong-entry')
def an_annotation_that_is_a_string(data):
    data.events('train_01').append('bark')


@plant('missing-subset')
def no_subset(data):
    del data.database['train_01']['subset']


@plant('missing-subset')
def a_number_for_a_subset(data):
    data.database['train_01']['subset'] = 1


@plant('missing-duration')
def no_duration(data):
    del data.database['train_01']['duration']


@plant('wrong-duration')
def a_duration_of_null(data):
    data.database['train_01']['duration'] = None


@plant('wrong-duration')
def a_negative_duration(data):
    data.database['train_01']['duration'] = -3


@plant('wrong-duration')
def a_duration_of_nan(data):
    data.database['train_01']['duration'] = float('nan')


@plant('missing-fps')
def no_fps(data):
    del data.database['train_01']['fps']


@plant('wrong-fps')
def an_fps_of_zero(data):
    data.database['train_01']['fps'] = 0


@plant('wrong-segment')
def a_segment_of_three(data):
    data.events('train_01')[0]['segment'] = [1, 2, 3]


@plant('wrong-segment')
def a_segment_that_is_a_text(data):
    data.events('train_01')[0]['segment'] = '12'


@plant('wrong-segment')
def a_segment_of_nan(data):
    data.events('train_01')[0]['segment'] = [1, float('nan')]


@plant('reversed-event')
def end_before_start(data):
    data.events('train_01')[0]['segment'] = [3, 2]


@plant('zero-length-event')
def end_at_start(data):
    data.events('train_01')[0]['segment'] = [3, 3]


@plant('event-outside-video')
def an_event_after_the_video(data):
    duration = data.database['train_01']['duration']
    data.events('train_01')[0]['segment'] = [duration, duration + 1]


@plant('event-outside-video')
def an_event_before_the_video(data):
    data.events('train_01')[0]['segment'] = [-2, -1]


@plant('event-beyond-video')
def an_event_that_ends_after_the_video(data):
    data.events('train_01')[0]['segment'][1] = data.database['train_01']['duration'] + 0.5


@plant('duplicate-event')
def an_event_twice(data):
    data.events('train_01').append(data.events('train_01')[0])


@plant('missing-label')
def no_label(data):
    del data.events('train_01')[0]['label']


@plant('missing-label')
def a_list_for_a_label(data):
    data.events('train_01')[0]['label'] = ['bark']


@plant('unknown-label', classes=['bark', 'bell', 'car'])
def a_label_that_is_no_class(data):
    data.events('train_01')[0]['label'] = 'brak'


@plant('missing-label-id')
def a_new_label_without_an_id(data):
    data.events('train_01').append(dict(segment=[1, 2], label='cow'))


@plant('wrong-label-id')
def an_id_that_is_a_text(data):
    data.events('train_01')[0]['label_id'] = '0'


@plant('wrong-label-id')
def a_negative_id(data):
    data.events('train_01')[0]['label_id'] = -1


@plant('wrong-label-id')
def an_id_beyond_all_bounds(data):
    data.events('train_01')[0]['label_id'] = 10**12


@plant('label-id-clash')
def one_event_with_another_id(data):
    data.events('train_01')[0]['label_id'] = 2


@plant('label-id-clash')
def a_new_label_with_an_id_that_is_taken(data):
    data.events('train_01').append(dict(segment=[1, 2], label='cow', label_id=2))


@plant(('unseen-class', 'test_01'))
def a_class_only_in_the_test(data):
    data.events('test_01').append(dict(segment=[1, 2], label='cow', label_id=3))


@plant(('too-many-classes', ''), num_classes=2)
def a_class_more_than_the_config_says(data):
    pass


@plant(('empty-class', ''), num_classes=4)
def a_class_less_than_the_config_says(data):
    pass


@plant(('empty-class', ''))
def an_id_that_no_class_has(data):
    for video_id in data.database:
        data.events(video_id)[2]['label_id'] = 3


@plant('missing-file')
def no_file(data):
    data.path('train_01', 'flow').unlink()


@plant('missing-file')
def a_file_in_other_letters(data):
    data.path('train_01', 'flow').rename(data.root / 'features' / 'Train_01_Flow.npy')


@plant('unreadable-file')
def a_file_cut_off(data):
    cut(data.path('train_01', 'rgb'))


@plant('unreadable-file')
def a_file_cut_off_by_a_byte(data):
    cut(data.path('train_01', 'rgb'), 1)


@plant('unreadable-file')
def an_empty_file(data):
    data.path('train_01', 'rgb').write_bytes(b'')


@plant('unreadable-file')
def a_web_page(data):
    data.path('train_01', 'rgb').write_text('<html>404 not found</html>')


@plant('unreadable-file')
def a_folder(data):
    data.path('train_01', 'rgb').unlink()
    data.path('train_01', 'rgb').mkdir()


@plant('wrong-dtype')
def complex_numbers(data):
    data.change('train_01', 'rgb', lambda feature: feature + 1j)


@plant('wrong-dtype')
def objects(data):
    data.change('train_01', 'rgb', lambda feature: feature.astype(object))


@plant('wrong-ndim')
def an_axis_too_many(data):
    data.change('train_01', 'rgb', lambda feature: feature[None])


@plant('wrong-ndim')
def a_single_number(data):
    data.change('train_01', 'rgb', lambda feature: np.float32(0))


@plant('empty-feature')
def no_steps(data):
    data.change('train_01', 'rgb', lambda feature: feature[:0])


@plant('not-finite', needs_content=True)
def one_nan(data):
    def spoil(feature):
        feature[3, 2] = np.nan
        return feature

    data.change('train_01', 'rgb', spoil)


@plant('not-finite', needs_content=True)
def one_infinity_in_float16(data):
    def spoil(feature):
        feature[-1, 0] = 1e6
        return feature.astype(np.float16)

    with np.errstate(over='ignore'):
        data.change('train_01', 'vggish', spoil)


@plant('constant-feature', needs_content=True)
def silence(data):
    data.change('train_01', 'vggish', np.zeros_like)


@plant('transposed-feature')
def an_array_transposed(data):
    data.change('train_01', 'vggish', lambda feature: feature.T)


@plant('transposed-feature')
def a_part_transposed(data):
    data.change('train_01', 'flow', lambda feature: feature.T)


@plant('wrong-width')
def a_channel_too_few(data):
    data.change('train_01', 'vggish', lambda feature: feature[:, 1:])


@plant('wrong-width')
def a_part_with_a_channel_too_few(data):
    data.change('train_01', 'flow', lambda feature: feature[:, 1:])


@plant('wrong-width', streams__audio__channels=None)
def another_width_than_the_other_videos(data):
    data.change('train_01', 'vggish', lambda feature: feature[:, 1:])


@plant('parts-differ')
def a_part_that_is_short(data):
    data.change('train_01', 'flow', lambda feature: feature[:-5])


@plant('wrong-length')
def a_stream_that_is_short(data):
    data.change('train_01', 'vggish', lambda feature: feature[:30])


@plant('wrong-length')
def a_stream_that_is_long(data):
    data.change('train_01', 'vggish', lambda feature: np.concatenate([feature, feature]))


@plant('streams-differ')
def one_stream_a_little_long_and_one_a_little_short(data):
    data.database['train_01']['duration'] *= 0.97
    data.change('train_01', 'vggish', lambda feature: feature[:-4])


@plant(('unnamed-file', 'stranger'))
def a_file_of_no_video(data):
    data.path('stranger', 'rgb').write_bytes(data.path('train_01', 'rgb').read_bytes())


@plant('leak-features', needs_content=True)
def the_features_of_a_test_video(data):
    length = len(np.load(data.path('train_01', 'rgb')))
    for part in ('rgb', 'flow', 'vggish'):
        data.change('test_01', part, lambda feature, part=part: np.load(data.path('train_01', part)))
    data.database['test_01']['duration'] = ((length - 1) * 8 + 24) / 25


@plant(('repeated-features', 'train_02'), needs_content=True)
def the_features_of_another_training_video(data):
    for part in ('rgb', 'flow', 'vggish'):
        data.change('train_02', part, lambda feature, part=part: np.load(data.path('train_01', part)))
    data.database['train_02']['duration'] = data.database['train_01']['duration']


@plant('leak-annotations')
def the_events_of_a_test_video(data):
    data.database['test_01'].update(duration=data.database['train_01']['duration'])
    data.database['test_01']['annotations'] = list(reversed(data.events('train_01')))
    for part in ('rgb', 'flow', 'vggish'):
        data.change('test_01', part, lambda feature, part=part: 0.5 * np.load(data.path('train_01', part)))


@plant(('leak-video-id', 'v_TEST-01.mp4'))
def a_test_video_under_another_name(data):
    data.database['v_TEST-01.mp4'] = dict(data.database['train_01'])
    for part in ('rgb', 'flow', 'vggish'):
        data.path('v_TEST-01.mp4', part).write_bytes(data.path('train_01', part).read_bytes())
        data.change('v_TEST-01.mp4', part, lambda feature: 0.5 * feature)
    data.database['v_TEST-01.mp4']['annotations'] = data.events('train_01')[:2]


def test_the_clean_data_are_clean(find):
    assert find() == []
    assert find(headers_only=True) == []


@pytest.mark.parametrize(('function', 'expected', 'needs_content', 'options'), PLANTS.values())
def test_a_planted_defect_is_found_and_nothing_else(data, find, function, expected, needs_content, options):
    function(data)
    assert find(**options) == expected
    assert find(headers_only=True, **options) == ([] if needs_content else expected)


def test_every_kind_is_planted(find):
    """Here or in the tests below."""
    planted = {name for parameters in PLANTS.values() for name, _ in parameters.values[1]}
    below = {'empty-subset', 'repeated-video-id', 'missing-folder', 'wrong-hop', 'leak-subset', 'different-classes'}
    assert planted | below == set(KINDS)


def test_an_id_twice_in_the_file(data):
    text = data.ann_file.read_text()
    entry = json.dumps(data.database['train_01'])
    data.ann_file.write_text(text.replace('"train_01"', f'"train_01": {entry}, "train_01"'))
    found = diagnose(find_uses(data.cfg())).defects
    assert [(defect.kind, defect.video_id) for defect in found] == [('repeated-video-id', 'train_01')]


def test_a_subset_that_is_not_there(data):
    cfg = data.cfg()
    cfg.val_dataloader.dataset.subset = 'Validation'
    (defect,) = diagnose(find_uses(cfg)).defects
    assert defect.kind == 'empty-subset' and "'val'" in defect.expected and "['test', 'train']" in defect.found


def test_a_folder_that_is_not_there_is_one_defect_and_the_other_stream_is_checked(data, find):
    data.change('train_01', 'rgb', lambda feature: feature[:, 1:])
    found = find(streams__audio__root='nowhere')
    assert found == [('missing-folder', ''), ('wrong-width', 'train_01')]


def test_a_hop_that_contradicts_most_videos_names_the_one_that_fits(data):
    """UnAV-100's VGGish steps are 0.32 s apart; VGGish's own are 0.96 s apart."""
    defects = diagnose(find_uses(data.cfg(streams__audio__stride=96))).defects
    assert [(defect.kind, defect.video_id) for defect in defects] == [('wrong-hop', name) for name in data.database]
    assert all("0.32 s, that of stream 'visual'" in defect.found for defect in defects)
    assert all('one every 0.96 s; or stride=32 at fps=100' in defect.expected for defect in defects)


def test_a_hop_that_is_vggish_s_own_is_known(data):
    for video_id in data.database:
        data.change(video_id, 'vggish', lambda feature: feature[: round(len(feature) / 3)])
    defects = diagnose(find_uses(data.cfg())).defects
    assert {defect.kind for defect in defects} == {'wrong-hop'}
    assert all("0.96 s, VGGish's own" in defect.found and 'stride=96' in defect.expected for defect in defects)


def test_a_subset_that_is_trained_and_scored(data):
    cfg = data.cfg()
    cfg.train_dataloader.dataset.subset = ['train', 'test']
    (defect,) = diagnose(find_uses(cfg)).defects
    assert (defect.kind, defect.subset) == ('leak-subset', 'test')
    assert 'train_dataloader.dataset' in defect.found and 'val_dataloader.dataset' in defect.found


def test_files_that_number_the_classes_differently(data):
    other = data.root / 'other.json'
    database = {name: entry for name, entry in data.database.items() if name.startswith('test')}
    for video_id in database:
        for annotation in database[video_id]['annotations']:
            annotation['label_id'] = 2 - annotation['label_id']
    other.write_text(json.dumps(dict(database=database)))
    cfg = data.cfg()
    cfg.val_dataloader.dataset.ann_file = cfg.test_dataloader.dataset.ann_file = 'other.json'
    (defect,) = diagnose(find_uses(cfg)).defects
    assert (defect.kind, defect.file) == ('different-classes', str(other))


def test_without_durations_events_are_held_against_the_features(data):
    for entry in data.database.values():
        end_sec = entry.pop('duration')
    data.events('test_02')[0]['segment'] = [1, end_sec + 1]
    data.events('test_02')[1]['segment'] = [end_sec + 1, end_sec + 2]
    data.save()
    defects = diagnose(find_uses(data.cfg())).defects
    assert [(defect.kind, defect.video_id, defect.event) for defect in defects if defect.severity != 'info'] == [
        ('event-outside-video', 'test_02', 1),
        ('event-beyond-video', 'test_02', 0),
    ]
    assert [defect.kind for defect in defects if defect.severity == 'info'] == 8 * ['missing-duration']
    assert DATASETS.build(data.cfg().train_dataloader.dataset)[0]


def test_a_model_with_fewer_classes(data):
    cfg = data.cfg()
    for number, kinds in ((2, ['too-many-classes']), (3, []), (4, []), (1, [])):
        cfg.model = dict(head=dict(num_classes=number))
        assert [defect.kind for defect in diagnose(find_uses(cfg), num_outputs=num_outputs(cfg)).defects] == kinds
    assert num_outputs(Config(dict(model=dict(backbone=dict())))) is None and num_outputs(Config()) is None


def test_packed_features_are_checked_as_files_are(data):
    pack = str(data.root / 'features.lmdb')
    writer = PackWriter(pack)
    for video_id in data.database:
        parts = [np.load(data.path(video_id, part)) for part in ('rgb', 'flow')]
        writer.put(f'visual/{video_id}', np.concatenate(parts, axis=1))
        if video_id != 'train_02':
            writer.put(f'audio/{video_id}', np.load(data.path(video_id, 'vggish')))
    writer.put('audio/train_01', np.full((57, 5), np.nan))
    writer.put('audio/stranger', np.zeros((57, 5)))
    writer.close()
    options = dict(streams__visual__root=f'{pack}/visual', streams__audio__root=f'{pack}/audio')
    cfg = data.cfg(**options, streams__visual__files=['{id}'], streams__audio__files=['{id}'])
    for num_workers in (0, 2):
        defects = diagnose(find_uses(cfg), num_workers=num_workers).defects
        assert [(defect.kind, defect.video_id, defect.file) for defect in defects] == [
            ('missing-file', 'train_02', f'{pack}/audio/train_02'),
            ('not-finite', 'train_01', f'{pack}/audio/train_01'),
            ('unnamed-file', 'stranger', f'{pack}/audio/stranger'),
        ]


def test_a_packed_file_cut_off_is_a_folder_that_cannot_be_listed(data, find):
    pack = data.root / 'features.lmdb'
    writer = PackWriter(str(pack))
    writer.put('audio/train_00', np.zeros((5000, 5)))
    writer.close()
    cut(pack, 5000)
    assert find(streams__audio__root=f'{pack}/audio', streams__audio__files=['{id}']) == [('missing-folder', '')]


def test_missing_files_are_warnings_where_the_config_skips_them(data):
    data.path('test_01', 'rgb').unlink()
    (defect,) = diagnose(find_uses(data.cfg(missing='skip'))).defects
    assert (defect.kind, defect.severity) == ('missing-file', 'warning')


def test_videos_that_no_loader_reads_need_no_files(data, find):
    data.database['other'] = dict(subset='unused', annotations=[])
    assert find() == []


def test_processes_find_the_same(data, find):
    one_nan(data)
    cut(data.path('test_01', 'vggish'))
    assert len(data.database) * 3 > FILES_A_TASK  # enough for processes
    alone, together = (diagnose(find_uses(data.cfg()), num_workers=number).defects for number in (0, 2))
    assert alone == together and len(alone) == 2
