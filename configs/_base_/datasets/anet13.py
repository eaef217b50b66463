# ActivityNet-1.3 (Heilbron et al. 2015) with TSP features (Alwassel et al. 2021), each video resized to 192 steps, and
# class scores of whole videos from outside, as in ActionFormer.
num_classes = 200
data_root = '{{$MMDEL_ANET13_ROOT:data/anet13}}'

visual = dict(root=data_root + '/tsp_features', files=['v_{id}.npy'], stride=16, window=16, fps=15, channels=512)
# VGGish's own steps of 0.96 s, in hops of 10 ms; for a config with sound.
audio = dict(
    root=data_root + '/vggish_features', files=['{id}_vggish.npy'], stride=96, window=96, fps=100, channels=128
)

dataset = dict(
    type='mmdel.EventDataset',
    ann_file=data_root + '/annotations/anet1.3_tsp_filtered.json',
    streams=dict(visual=visual),
    num_classes=num_classes,
    feature_help='ActivityNet-1.3: see docs/datasets.md for the annotations and features, and put or link them there, '
    'or set MMDEL_ANET13_ROOT.',
)
load = [
    dict(type='mmdel.LoadFeatures'),
    dict(type='mmdel.AlignStreams', reference='visual'),
    dict(type='mmdel.ResizeStreams', length=192),
]
train_pipeline = [
    *load,
    dict(type='mmdel.RandomTemporalCrop', max_len=192, crop_ratio=(0.9, 1.0), trunc_thresh=0.5),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = [
    *load,
    dict(type='mmdel.LoadVideoScores', score_file=data_root + '/annotations/video_scores.json'),
    dict(type='mmdel.PackEvents'),
]

train_dataloader = dict(
    batch_size=16,
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
val_evaluator = dict(type='mmdel.EventMAP', protocol='anet')
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=16)
