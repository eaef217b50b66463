# TriDet (Shi et al. 2023, arXiv 2303.07347) with its settings of THUMOS14. Several streams are concatenated.
_base_ = ['anchor_free.py']

sgp = dict(type='mmdel.SGPBlock', kernel_size=1, k=5, mlp_ratio=1.5)
model = dict(
    backbone=dict(
        type='mmdel.TemporalPyramidBackbone',
        in_channels=dict(visual=2048),
        embed_dims=512,
        num_levels=6,
        block=dict(**sgp, drop_path=0.1),
        stem_block=sgp,
        input_noise=0.0005,
    ),
    neck=dict(type='mmdel.ConcatNeck', norm=dict(type='mmdel.ChannelLayerNorm')),
    head=dict(
        regressor=dict(type='mmdel.TridentRegressor', num_bins=16),
        iou_power=0.2,
        nms=dict(max_num=2000),
    ),
)
