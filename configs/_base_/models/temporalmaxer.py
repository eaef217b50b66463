# TemporalMaxer (Tang et al. 2023, arXiv 2303.09055) with its settings of THUMOS14. Several streams are concatenated.
# Its authors choose the positive points by their losses; here they are chosen as for the other detectors.
_base_ = ['anchor_free.py']

model = dict(
    backbone=dict(
        type='mmdel.TemporalPyramidBackbone',
        in_channels=dict(visual=2048),
        embed_dims=512,
        num_levels=6,
        block=dict(type='mmdel.MaxPoolBlock'),
        num_stem_blocks=0,
    ),
    neck=dict(type='mmdel.ConcatNeck', norm=dict(type='mmdel.MaskedGroupNorm', num_groups=4, affine=False)),
)
