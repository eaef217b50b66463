# THUMOS14 (Idrees et al. 2017) with I3D features of rgb and flow, 2048 wide, at the videos' own frame rate, as in
# ActionFormer's archive. Trained on its validation videos, tested on its test videos, as everywhere.
num_classes = 20
data_root = '{{$MMDEL_THUMOS14_ROOT:data/thumos14}}'

visual = dict(root=data_root + '/i3d_features', files=['{id}.npy'], stride=4, window=16, fps=None, channels=2048)
# VGGish's own steps of 0.96 s, in hops of 10 ms; for a config with sound.
audio = dict(
    root=data_root + '/vggish_features', files=['{id}_vggish.npy'], stride=96, window=96, fps=100, channels=128
)

dataset = dict(
    type='mmdel.EventDataset',
    ann_file=data_root + '/annotations/thumos14.json',
    streams=dict(visual=visual),
    num_classes=num_classes,
    feature_help='THUMOS14: see docs/datasets.md for the annotations and features, and put or link them there, or set '
    'MMDEL_THUMOS14_ROOT.',
)
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
train_pipeline = [
    *load,
    dict(type='mmdel.RandomTemporalCrop', max_len=2304, crop_ratio=(0.9, 1.0), trunc_thresh=0.5),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = [*load, dict(type='mmdel.PackEvents')]

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    dataset=dict(**dataset, subset='validation', filter_empty=True, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset='test', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='mmdel.EventMAP', protocol='thumos14')
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=2)
