# DEL (arXiv 2506.23196) with the settings of UnAV-100; the other data sets change what differs.
model = dict(
    type='mmdel.EventDetector',
    data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
    backbone=dict(
        type='mmdel.EventAlignedBackbone',
        in_channels=dict(visual=2048, audio=128),
        embed_dims=512,
        num_levels=6,
        align=dict(num_layers=2, mask='learned', window_cross=0),
        attn_window=-1,
        drop_path=0.1,
    ),
    neck=dict(type='mmdel.AudioVisualPAN', in_channels=512, num_levels=6, guide='max_sigmoid', attn_window=-1),
    head=dict(
        type='mmdel.AnchorFreeHead',
        num_classes=100,
        in_channels=1024,
        feat_channels=512,
        class_aware=True,
        point_generator=dict(
            type='mmdel.PointGenerator',
            regress_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)],
        ),
        assigner=dict(type='mmdel.PointAssigner', center_sampling_radius=None),
        nms=dict(type='mmdel.SegmentNMS', method='soft_gaussian', sigma=0.4, max_num=100),
    ),
)

max_epochs, warmup_epochs = 45, 5
train_cfg = dict(type='mmengine.EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='mmengine.ValLoop')
test_cfg = dict(type='mmengine.TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='torch.optim.AdamW', lr=1e-4, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, bypass_duplicate=True),
)
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
taps = dict(
    visual='backbone.align.out.visual',
    audio='backbone.align.out.audio',
    cls_visual='backbone.align.cls_out.visual',
    cls_audio='backbone.align.cls_out.audio',
)
custom_hooks = [
    dict(type='mmengine.EMAHook', ema_type='ExponentialMovingAverage', momentum=0.001),
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss', num_classes=100, embed_dims=512),
        taps=taps,
    ),
]
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=16)
