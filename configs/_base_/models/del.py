# DEL (Ahmadian et al. 2025, arXiv 2506.23196) with the settings of UnAV-100.
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
# Where the contrastive loss listens.
taps = dict(
    visual='backbone.align.out.visual',
    audio='backbone.align.out.audio',
    cls_visual='backbone.align.cls_out.visual',
    cls_audio='backbone.align.cls_out.audio',
)
