# A small DEL on the demo data, which are made on first use: minutes of training on two CPU cores.
# A template for other data too: name their annotations and features below, and set type='mmdel.EventDataset'.
_base_ = ['_base_/default_runtime.py', '_base_/del.py']

data_root = '{{$MMDEL_DEMO_ROOT:data/demo}}/'
feature_root = data_root + 'av_features/'

streams = dict(
    # Colour, contrast and motion in 3 by 4 cells of the picture, a step every 0.25 s over 0.5 s.
    visual=dict(root=feature_root, files=['{id}_video.npy'], stride=2, window=4, fps=8, channels=144),
    # Mean and deviation of 32 mel bands, a step every 0.2 s over 0.33 s, in samples.
    audio=dict(root=feature_root, files=['{id}_audio.npy'], stride=1600, window=2656, fps=8000, channels=64),
)
dataset = dict(type='mmdel.DemoEventDataset', ann_file=data_root + 'annotations.json', streams=streams)
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

width = 64
model = dict(
    backbone=dict(in_channels=dict(visual=144, audio=64), embed_dims=width, attn_window=19),
    neck=dict(in_channels=width, num_blocks=1, attn_window=19),
    head=dict(num_classes=10, in_channels=2 * width, feat_channels=width),
)

max_epochs, warmup_epochs = 25, 3
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='mmengine.LinearLR', start_factor=1e-3, end=warmup_epochs, convert_to_iter_based=True),
    dict(
        type='mmengine.CosineAnnealingLR',
        begin=warmup_epochs,
        T_max=max_epochs - warmup_epochs,
        eta_min=1e-8,
        convert_to_iter_based=True,
    ),
]
custom_hooks = [
    # The default's average over 1000 iterations is longer than this training's learning phases.
    dict(type='mmengine.EMAHook', ema_type='ExponentialMovingAverage', momentum=0.01),
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss', num_classes=10, embed_dims=width, intra_weight=0.1),
        taps=_base_.taps,
        start_epoch=5,
        ramp_epochs=5,
    ),
]
