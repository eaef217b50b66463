# MMAction2's BMN (Lin et al. 2019, arXiv 1907.09702) with the settings of its configs for ActivityNet.
model = dict(
    type='mmdel.MMActionLocalizer',
    data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
    streams=['visual', 'audio'],
    localizer=dict(
        type='mmaction.BMN',
        loss_cls=dict(type='mmaction.BMNLoss'),
        feat_dim=2176,
        temporal_dim=100,
        boundary_ratio=0.5,
        num_samples=32,
        num_samples_per_bin=3,
        soft_nms_alpha=0.4,
        soft_nms_low_threshold=0.5,
        soft_nms_high_threshold=0.9,
        post_process_top_k=100,
    ),
)
