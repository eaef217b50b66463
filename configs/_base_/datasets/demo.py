# The demo data, which are made on first use. A template for other data too: name their annotations and features, and
# set type='mmdel.EventDataset'.
num_classes = 10
data_root = '{{$MMDEL_DEMO_ROOT:data/demo}}'
feature_root = data_root + '/av_features'

# Colour, contrast and motion in 3 by 4 cells of the picture, a step every 0.25 s over 0.5 s.
visual = dict(root=feature_root, files=['{id}_video.npy'], stride=2, window=4, fps=8, channels=144)
# Mean and deviation of 32 mel bands, a step every 0.2 s over 0.33 s, in samples.
audio = dict(root=feature_root, files=['{id}_audio.npy'], stride=1600, window=2656, fps=8000, channels=64)

dataset = dict(
    type='mmdel.DemoEventDataset', ann_file=data_root + '/annotations.json', streams=dict(visual=visual, audio=audio)
)
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
train_pipeline = [
    *load,
    dict(type='mmdel.RandomTemporalCrop', max_len=256, crop_ratio=(0.9, 1.0), trunc_thresh=0.5),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = [*load, dict(type='mmdel.PackEvents')]

train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    dataset=dict(**dataset, subset='train', filter_empty=True, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset='test', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='mmdel.EventMAP', protocol='unav100')
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=8)
