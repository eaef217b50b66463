# What the detectors with an anchor-free head have in common, with its settings of THUMOS14.
model = dict(
    type='mmdel.EventDetector',
    data_preprocessor=dict(type='mmdel.EventDataPreprocessor', pad_size_divisor=32),
    head=dict(
        type='mmdel.AnchorFreeHead',
        num_classes=20,
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
