"""ActivityNet-1.3: the official annotations and ActionFormer's archive, in miniature."""

import json

import pytest

from mmdel.utils.errors import UserInputError

OFFICIAL = {
    '--1DO2V4K74': {
        'duration': 211.53,
        'subset': 'validation',
        'resolution': '320x240',
        'url': 'https://www.youtube.com/watch?v=--1DO2V4K74',
        'annotations': [{'segment': [0.01, 211.53], 'label': 'Rock climbing'}],
    },
    'DPXUQ6gi-6E': {
        'duration': 100.0,
        'subset': 'training',
        'annotations': [{'segment': [5, 20], 'label': 'Archery'}, {'segment': [30, 200.0], 'label': 'Archery'}],
    },
    'secret': {'duration': 20.0, 'subset': 'testing', 'annotations': []},
}


@pytest.fixture
def official(write):
    write('activity_net.v1-3.min.json', {'version': 'VERSION 1.3', 'taxonomy': [], 'database': OFFICIAL})
    for video_id, num_steps in (('--1DO2V4K74', 198), ('DPXUQ6gi-6E', 93)):
        write(f'tsp/v_{video_id}.npy', (num_steps, 512))


def test_the_official_file_and_cuhk_s_scores(official, write, prepared, dataset_of):
    write('cuhk_val_simp_share.json', {'class': ['Rock climbing', 'Archery'], 'results': {'--1DO2V4K74': [0.9, 0.1]}})
    out, plan = prepared('anet13')
    assert plan.lacking == {'visual': ['secret'], 'audio': list(OFFICIAL)}
    scores = json.loads((out / 'annotations/video_scores.json').read_text())
    assert scores == {'classes': ['Rock climbing', 'Archery'], 'scores': {'--1DO2V4K74': [0.9, 0.1]}}
    train, test = dataset_of('configs/del_anet13_visual.py', 'MMDEL_ANET13_ROOT', 'train', 'test')
    assert train.metainfo['classes'][:3] == ('Archery', 'Rock climbing', 'unused_2')
    assert train.get_data_info(0)['segments_sec'].tolist() == [[5, 20], [30, 100]]
    item = train[0]
    assert 172 <= len(item['inputs']['visual']) <= 192  # resized, then a crop of 0.9 and more
    assert test.get_data_info(0)['segments_sec'].tolist() == [[0.01, 211.53]]


def test_actionformer_s_archive(write, prepared):
    database = {name: {**entry, 'fps': 15} for name, entry in OFFICIAL.items() if name != 'secret'}
    write('anet_1.3/annotations/anet1.3_tsp_filtered.json', {'database': database})
    write('anet_1.3/annotations/anet1.3_i3d_filtered.json', {'database': {}})
    for video_id in database:
        write(f'anet_1.3/tsp_features/v_{video_id}.npy', (30, 512))
        write(f'anet_1.3/i3d_features/v_{video_id}.npy', (40, 2048))
        write(f'anet_1.3/vggish/v_{video_id}.npy', (40, 128))
    out, plan = prepared('anet13')
    assert plan.lacking == {'visual': [], 'audio': []}
    assert (out / 'tsp_features/v_DPXUQ6gi-6E.npy').resolve().parent.name == 'tsp_features'
    assert (out / 'vggish_features/DPXUQ6gi-6E_vggish.npy').resolve().parent.name == 'vggish'


def test_scores_of_another_kind_are_refused(official, write, prepared):
    for content in ({'classes': []}, '[]'):
        write('cuhk_val_simp_share.json', content)
        with pytest.raises(UserInputError, match="needs the keys 'class' and 'results'"):
            prepared('anet13')
