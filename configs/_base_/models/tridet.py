# TriDet (Shi et al. 2023, arXiv 2303.07347) with its settings of THUMOS14. Several streams are concatenated.
model = dict(
    type='mmdel.EventDetector',
    data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
    backbone=dict(
        type='mmdel.SGPBackbone',
        in_channels=dict(visual=2048),
        embed_dims=512,
        num_levels=6,
        kernel_size=1,
        k=5,
        mlp_ratio=1.5,
        input_noise=0.0005,
        drop_path=0.1,
    ),
    neck=dict(type='mmdel.IdentityNeck', in_channels=512, num_levels=6),
    head=dict(
        type='mmdel.TridentHead',
        num_classes=20,
        in_channels=512,
        feat_channels=512,
        num_bins=16,
        iou_power=0.2,
        point_generator=dict(
            type='mmdel.PointGenerator',
            regress_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)],
        ),
        assigner=dict(type='mmdel.PointAssigner', center_sampling_radius=1.5),
        nms=dict(type='mmdel.SegmentNMS', method='soft_gaussian', sigma=0.5, max_num=2000),
        normalizer_init=100,
    ),
)
