# ActionFormer (Zhang et al. 2022, arXiv 2202.07925) with its settings of THUMOS14. Several streams are concatenated.
_base_ = ['anchor_free.py']

model = dict(
    backbone=dict(
        type='mmdel.TemporalPyramidBackbone',
        in_channels=dict(visual=2048),
        embed_dims=512,
        num_levels=6,
        block=dict(type='mmdel.ConvTransformerBlock', window=19, drop_path=0.1),
    ),
    neck=dict(type='mmdel.ConcatNeck', norm=dict(type='mmdel.ChannelLayerNorm')),
)
