# EPIC-Kitchens-100 (Damen et al. 2022) with SlowFast features, in the layout of ActionFormer's archive: its verbs. The
# nouns are other events of the same videos.
_base_ = ['../loaders.py']

data_root = '{{$MMDEL_EPIC100_ROOT:data/epic100}}'
verbs = dict(ann_file=data_root + '/annotations/epic_kitchens_100_verb.json', num_classes=97)
nouns = dict(ann_file=data_root + '/annotations/epic_kitchens_100_noun.json', num_classes=300)

visual = dict(
    root=data_root + '/features', files=['{id}.npz'], key='feats', stride=16, window=32, fps=30, channels=2304
)
# VGGish's own steps of 0.96 s, in hops of 10 ms; for a config with sound.
audio = dict(
    root=data_root + '/vggish_features', files=['{id}_vggish.npy'], stride=96, window=96, fps=100, channels=128
)

dataset = dict(
    **verbs,
    streams=dict(visual=visual),
    feature_help='EPIC-Kitchens-100: see docs/datasets.md for the annotations and features, and put or link them '
    'there, or set MMDEL_EPIC100_ROOT.',
)
crop = dict(type='mmdel.RandomTemporalCrop', max_len=2304, crop_ratio=(0.9, 1.0), trunc_thresh=0.3)
train_dataloader = dict(
    batch_size=2, dataset=dict(**dataset, subset='training', pipeline=[*_base_.load, crop, _base_.pack])
)
val_dataloader = test_dataloader = dict(dataset=dict(**dataset, subset='validation'))
val_evaluator = test_evaluator = dict(protocol='epic')
auto_scale_lr = dict(base_batch_size=2)

# Thousands of short events a video, on levels whose ranges overlap.
for_head = dict(
    num_classes=verbs['num_classes'],
    point_generator=dict(regress_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)]),
    nms=dict(sigma=0.4, max_num=2000),
    normalizer_init=250,
    pre_nms_num=5000,
)
