# EPIC-Kitchens-100 (Damen et al. 2022) with SlowFast features, its nouns, in the layout of ActionFormer's archive.
num_classes = 300
data_root = '{{$MMDEL_EPIC100_ROOT:data/epic100}}'

visual = dict(
    root=data_root + '/features', files=['{id}.npz'], key='feats', stride=16, window=32, fps=30, channels=2304
)
# VGGish's own steps of 0.96 s, in hops of 10 ms; for a config with sound.
audio = dict(
    root=data_root + '/vggish_features', files=['{id}_vggish.npy'], stride=96, window=96, fps=100, channels=128
)

dataset = dict(
    type='mmdel.EventDataset',
    ann_file=data_root + '/annotations/epic_kitchens_100_noun.json',
    streams=dict(visual=visual),
    num_classes=num_classes,
    feature_help='EPIC-Kitchens-100: see docs/datasets.md for the annotations and features, and put or link them '
    'there, or set MMDEL_EPIC100_ROOT.',
)
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
train_pipeline = [
    *load,
    dict(type='mmdel.RandomTemporalCrop', max_len=2304, crop_ratio=(0.9, 1.0), trunc_thresh=0.3),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = [*load, dict(type='mmdel.PackEvents')]

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    dataset=dict(**dataset, subset='training', filter_empty=True, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset='validation', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='mmdel.EventMAP', protocol='epic')
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=2)
