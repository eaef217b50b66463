# UnAV's detector (Geng et al. 2023, arXiv 2303.12930) with its settings of UnAV-100.
model = dict(
    type='mmdel.EventDetector',
    data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
    backbone=dict(
        type='mmdel.AudioVisualPyramidBackbone',
        in_channels=dict(visual=2048, audio=128),
        embed_dims=512,
        num_levels=6,
        attn_window=-1,
        use_abs_pe=True,
        drop_path=0.1,
    ),
    # Without the dependency block: neck=dict(_delete_=True, type='mmdel.IdentityNeck').
    neck=dict(
        type='mmdel.DependencyNeck',
        in_channels=1024,
        num_classes=100,
        feat_channels=128,
        attn_window=-1,
        drop_path=0.1,
        with_cp=True,
    ),
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
        normalizer_init=250,
    ),
)
