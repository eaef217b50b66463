"""EPIC-Kitchens-100: official tables, ActionFormer's archive and OpenTAD's files, in miniature."""

import json

import numpy as np
import pytest

from mmdel.utils.errors import UserInputError

HEADER = 'narration_id,video_id,start_timestamp,stop_timestamp,verb,verb_class,noun,noun_class\n'
CLASSES = 'id,key,instances,category\n'


@pytest.fixture
def features(src):
    """ActionFormer's feature files of two videos."""
    folder = src / 'epic_kitchens/features'
    folder.mkdir(parents=True)
    for video_id in ('P01_01', 'P01_11'):
        np.savez(folder / f'{video_id}.npz', feats=np.zeros((20, 2304), np.float32))


@pytest.fixture
def tables(write):
    """The official tables; the last verb has no instance."""
    write('EPIC_100_train.csv', HEADER + 'x0,P01_01,00:00:00.14,00:00:03.37,open-up,3,door,1\n')
    write('EPIC_100_validation.csv', HEADER + 'x1,P01_11,00:00:01.00,00:01:03.00,take,0,light:switch,2\n')
    write(
        'EPIC_100_video_info.csv', 'video_id,duration,fps,resolution\nP01_01,11,50.0,x\nP01_11,70,59.94,x\nP9,1,1,x\n'
    )
    write('EPIC_100_verb_classes.csv', CLASSES + '0,take,"[1]",x\n3,open,"[1, 2]",x\n96,bend,"[]",x\n')
    write('EPIC_100_noun_classes_v2.csv', CLASSES + '1,door,"[1]",x\n2,switch,"[1]",x\n')


def test_official_tables_become_two_files_and_the_configs_read_them(features, tables, prepared, dataset_of):
    out, plan = prepared('epic100')
    assert list(plan.videos) == ['P01_01', 'P01_11']
    noun = json.loads((out / 'annotations/epic_kitchens_100_noun.json').read_text())['database']
    (event,), video = noun['P01_11'].pop('annotations'), noun['P01_11']
    assert video == {'subset': 'validation', 'duration': 70.0, 'fps': 59.94}
    assert event.items() >= {'segment': [1.0, 63.0], 'label': 'switch', 'label_id': 2, 'verb': 'take'}.items()
    train, test = dataset_of('configs/del_epic100_verb_visual.py', 'MMDEL_EPIC100_ROOT', 'train', 'test')
    classes = train.metainfo['classes']
    assert (len(classes), classes[:4], classes[96]) == (97, ('take', 'unused_1', 'unused_2', 'open'), 'unused_96')
    assert train.get_data_info(0)['labels'].tolist() == [3]
    assert train.get_data_info(0)['streams']['visual']['grid'].fps == 30
    assert test.get_data_info(0)['segments_sec'].tolist() == [[1.0, 63.0]]
    (nouns,) = dataset_of('configs/del_epic100_noun_visual.py', 'MMDEL_EPIC100_ROOT', 'test')
    assert len(nouns.metainfo['classes']) == 300


def test_actionformer_s_archive_is_linked(features, write, prepared):
    for task in ('verb', 'noun'):
        event = {'segment': [1, 2], 'label': task, 'label_id': 5}
        database = {'P01_01': {'subset': 'training', 'duration': 11, 'fps': 50, 'annotations': [event]}}
        write(f'epic_kitchens/annotations/epic_kitchens_100_{task}.json', {'database': database})
    out, plan = prepared('epic100')
    assert len(plan.annotations) == 2 and plan.lacking['visual'] == []
    assert all(path.is_symlink() for path in out.rglob('*.*'))


def test_opentad_s_files_are_renumbered_and_its_arrays_repacked(write, prepared, dataset_of):
    for task in ('verb', 'noun'):
        event = {'segment': [1, 2], 'label': 'id_007', 'label_name': 'wash'}
        database = {
            'P01_01': {'subset': 'train', 'duration': 11, 'annotations': [event]},
            'P01_11': {'subset': 'validation', 'duration': 11, 'annotations': [{**event, 'label': 'id_012'}]},
            'P01_03': {'subset': 'test', 'duration': 11},
        }
        write(f'annotations/epic_kitchens_{task}.json', {'database': database})
    for video_id in ('P01_01', 'P01_11'):
        write(f'features/slowfast_fps30_stride16_clip32/{video_id}.npy', (20, 2304))
    out, plan = prepared('epic100')
    assert plan.lacking['visual'] == ['P01_03']
    with np.load(out / 'features/P01_11.npz') as archive:
        np.testing.assert_array_equal(archive['feats'], np.full((20, 2304), 0.5))
    train, test = dataset_of('configs/del_epic100_verb_visual.py', 'MMDEL_EPIC100_ROOT', 'train', 'test')
    assert train.get_data_info(0)['labels'].tolist() == [7]
    assert test.get_data_info(0)['labels'].tolist() == [12]
    assert not plan.outstanding()


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda src: (src / 'EPIC_100_train.csv').unlink(), 'There is no epic_kitchens_100_verb.json'),
        (lambda src: (src / 'EPIC_100_video_info.csv').unlink(), 'EPIC_100_video_info.csv must lie beside'),
        (lambda src: (src / 'EPIC_100_verb_classes.csv').unlink(), 'There is no EPIC_100_verb_classes.csv'),
        (lambda src: (src / 'EPIC_100_verb_classes.csv').write_text(CLASSES), "has no class '?3"),
    ],
)
def test_what_lacks_is_named(src, features, tables, prepared, change, said):
    change(src)
    with pytest.raises(UserInputError, match=said):
        prepared('epic100')


def test_a_foreign_label_is_named(features, write, prepared):
    event = {'segment': [1, 2], 'label': 'wash'}
    for task in ('verb', 'noun'):
        database = {'P01_01': {'subset': 'train', 'duration': 11, 'annotations': [event]}}
        write(f'epic_kitchens_{task}.json', {'database': database})
    with pytest.raises(UserInputError, match="video P01_01: label must be like id_007, got 'wash'"):
        prepared('epic100')
