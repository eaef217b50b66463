"""THUMOS14 from ActionFormer's archive and from OpenTAD's files, in miniature."""

import pytest

from mmdel.utils.errors import UserInputError

VIDEOS = ('video_validation_0000051', 'video_test_0000004')
EVENT = {'label': 'CliffDiving', 'segment': [1.0, 3.0], 'segment(frames)': [30.0, 90.0], 'label_id': 4}
BOTH = [EVENT, {**EVENT, 'label': 'Diving', 'label_id': 7}]


def actionformer(subset='Test'):
    return {'subset': subset, 'duration': 10.0, 'fps': 30.0, 'annotations': BOTH}


def test_actionformer_s_archive(write, prepared, dataset_of):
    database = {VIDEOS[0]: actionformer('Validation'), VIDEOS[1]: actionformer()}
    write('thumos/annotations/thumos14.json', {'version': 'Thumos14-30fps', 'database': database})
    write('thumos/annotations/thumos14_cls_scores.pkl', 'a pickle')
    for video_id in VIDEOS:
        write(f'thumos/i3d_features/{video_id}.npy', (71, 2048))
    out, plan = prepared('thumos14')
    assert plan.lacking == {'visual': [], 'audio': list(VIDEOS)}
    assert sorted(path.name for path in out.rglob('*') if path.is_symlink()) == [
        'thumos14.json',
        f'{VIDEOS[1]}.npy',
        f'{VIDEOS[0]}.npy',
    ]
    (train,) = dataset_of('configs/del_thumos14_visual.py', 'MMDEL_THUMOS14_ROOT', 'train')
    assert len(train) == 1 and len(train.metainfo['classes']) == 20
    record = train.get_data_info(0)
    assert record['labels'].tolist() == [4, 7]
    assert record['streams']['visual']['grid'].fps == 30


def test_opentad_s_files_and_vggish_features_under_plain_names(write, prepared, dataset_of):
    plain = [{'label': event['label'], 'segment': event['segment']} for event in BOTH]
    unclear = {'label': 'Ambiguous', 'segment': [4.0, 5.0]}
    others = [{'label': f'Action {index:02}', 'segment': [1.0, 2.0]} for index in range(18)]  # 20 classes
    database = {
        VIDEOS[0]: {'subset': 'training', 'duration': 10.01, 'frame': 300, 'annotations': [*others, unclear, *plain]},
        VIDEOS[1]: {'subset': 'validation', 'duration': 10.0, 'frame': 250, 'annotations': plain[:1]},
    }
    write('thumos-14/annotations/thumos_14_anno.json', {'database': database})
    for video_id in VIDEOS:
        write(f'thumos-14/features/i3d_actionformer_stride4_thumos/{video_id}.npy', (71, 2048))
        write(f'thumos-14/features/videomae/{video_id}.npy', (71, 1408))
        write(f'sound/vggish/{video_id}.npy', (10, 128))
    _, plan = prepared('thumos14')
    assert plan.lacking == {'visual': [], 'audio': []}
    train, test = dataset_of('configs/del_thumos14.py', 'MMDEL_THUMOS14_ROOT', 'train', 'test')
    assert [train.get_data_info(0)['video_id'], test.get_data_info(0)['video_id']] == list(VIDEOS)
    assert (train.get_data_info(0)['fps'], test.get_data_info(0)['fps']) == (29.97, 25.0)
    assert len(train.metainfo['classes']) == 20 and 'Ambiguous' not in train.metainfo['classes']
    assert train.get_data_info(0)['ignored'].tolist() == 18 * [False] + [True, False, False]
    inputs = train[0]['inputs']
    assert inputs['audio'].shape == (len(inputs['visual']), 128)


def test_an_opentad_entry_without_frames_is_named(write, prepared):
    write('thumos_14_anno.json', {'database': {'video_test_1': {'subset': 'validation', 'duration': 3}}})
    with pytest.raises(UserInputError, match='video video_test_1: needs numbers "frame" and "duration"'):
        prepared('thumos14')
