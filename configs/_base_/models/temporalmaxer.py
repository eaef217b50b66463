# TemporalMaxer (Tang et al. 2023, arXiv 2303.09055) with its settings of THUMOS14. Several streams are concatenated.
# Its authors choose the positive points by their losses; here they are chosen as for the other detectors.
model = dict(
    type='mmdel.EventDetector',
    data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
    backbone=dict(
        type='mmdel.TemporalMaxerBackbone', in_channels=dict(visual=2048), embed_dims=512, num_levels=6, num_convs=2
    ),
    neck=dict(type='mmdel.IdentityNeck', in_channels=512, num_levels=6, num_groups=4),
    head=dict(
        type='mmdel.AnchorFreeHead',
        num_classes=20,
        in_channels=512,
        feat_channels=512,
        point_generator=dict(
            type='mmdel.PointGenerator',
            regress_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)],
        ),
        assigner=dict(type='mmdel.PointAssigner', center_sampling_radius=1.5),
        nms=dict(type='mmdel.SegmentNMS', method='soft_gaussian', sigma=0.5, max_num=200),
        normalizer_init=100,
    ),
)
