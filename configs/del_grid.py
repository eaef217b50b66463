# GRID-streams: dense speech, commands and sounds at 25 steps a second. The root is read from MMDEL_GRID_ROOT, the
# subset that tools/test.py scores from MMDEL_GRID_TEST.
_base_ = ['_base_/default_runtime.py', '_base_/del.py']

data_root = '{{$MMDEL_GRID_ROOT:data/grid_streams}}'
test_subset = '{{$MMDEL_GRID_TEST:val}}'
num_classes, width, window = 66, 128, 19

model = dict(
    backbone=dict(
        in_channels=dict(visual=64, audio=64),
        embed_dims=width,
        align=dict(window_intra=window),
        attn_window=window,
        dropout=0.1,
    ),
    neck=dict(in_channels=width, attn_window=window, dropout=0.1),
    head=dict(
        num_classes=num_classes,
        in_channels=2 * width,
        feat_channels=width,
        class_aware=False,
        assigner=dict(center_sampling_radius=1.5),
        nms=dict(sigma=0.4, max_num=300),
    ),
)

grid = dict(stride=1, window=1, fps=25, channels=64)
feature_root = data_root + '/av_features'
dataset = dict(
    type='mmdel.EventDataset',
    ann_file=data_root + '/annotations.json',
    streams=dict(
        visual=dict(root=feature_root, files=['{id}_rgb.npy'], **grid),
        audio=dict(root=feature_root, files=['{id}_vggish.npy'], **grid),
    ),
    feature_help='GRID-streams: set MMDEL_GRID_ROOT to the folder that holds annotations.json and av_features/.',
)
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
test_pipeline = [*load, dict(type='mmdel.PackEvents')]
train_pipeline = [
    *load,
    dict(type='mmdel.RandomTemporalCrop', max_len=1024, crop_ratio=(0.6, 1.0), trunc_thresh=0.5),
    dict(type='mmdel.PackEvents'),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    dataset=dict(**dataset, subset='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset='val', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset=test_subset, test_mode=True, pipeline=test_pipeline),
)
val_evaluator = dict(type='mmdel.EventMAP', protocol='grid')
test_evaluator = val_evaluator

max_epochs, warmup_epochs = 40, 5
train_cfg = dict(max_epochs=max_epochs, val_interval=10)
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
    dict(type='mmengine.EMAHook', ema_type='ExponentialMovingAverage', momentum=0.005),
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss', num_classes=num_classes, embed_dims=width, intra_weight=0.1),
        taps=_base_.taps,
        # From the first epoch and at weight 1, the contrast is learned before the events are, and at their cost.
        start_epoch=10,
        ramp_epochs=10,
    ),
]
