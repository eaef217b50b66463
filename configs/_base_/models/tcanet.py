# MMAction2's TCANet (Qing et al. 2021, arXiv 2103.13141), which refines given proposals, as in its config for HACS.
model = dict(
    type='mmdel.MMActionTCANet',
    data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
    streams=['visual', 'audio'],
    localizer=dict(
        type='mmaction.TCANet',
        feat_dim=2176,
        se_sample_num=32,
        action_sample_num=64,
        temporal_dim=100,
        window_size=9,
        lgte_num=2,
    ),
    nms=dict(type='mmdel.SegmentNMS', method='soft_gaussian', sigma=0.4, min_score=0.0, max_num=100, class_aware=False),
)
