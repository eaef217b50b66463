# UnAV-100 (Geng et al. 2023, arXiv 2303.12930) with I3D rgb + flow and VGGish features.
num_classes = 100
data_root = '{{$MMDEL_UNAV100_ROOT:data/unav100}}'
feature_root = data_root + '/av_features'

visual = dict(root=feature_root, files=['{id}_rgb.npy', '{id}_flow.npy'], stride=8, window=24, fps=25, channels=2048)
# One VGGish step every 0.32 s, as many as the visual ones, each over 0.96 s of sound: in hops of 10 ms.
audio = dict(root=feature_root, files=['{id}_vggish.npy'], stride=32, window=96, fps=100, channels=128)

dataset = dict(
    type='mmdel.EventDataset',
    ann_file=data_root + '/annotations/unav100_annotations.json',
    num_classes=num_classes,
    streams=dict(visual=visual, audio=audio),
    feature_help='UnAV-100: get the annotations and the features (I3D rgb and flow, VGGish) from '
    'https://unav100.github.io and put or link them there, or set MMDEL_UNAV100_ROOT.',
)
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
train_pipeline = [
    *load,
    dict(type='mmdel.RandomTemporalCrop', max_len=224, crop_ratio=(0.9, 1.0), trunc_thresh=0.5),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = [*load, dict(type='mmdel.PackEvents')]

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    dataset=dict(**dataset, subset='train', filter_empty=True, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset='validation', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset='test', test_mode=True, pipeline=test_pipeline),
)
val_evaluator = dict(type='mmdel.EventMAP', protocol='unav100')
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=16)
