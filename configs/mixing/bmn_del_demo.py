# DEL's backbone in front of BMN, which reads its finest level: the aligned streams, side by side.
_base_ = ['../bmn_demo.py']

width = 64
model = dict(
    backbone=dict(
        type='mmdel.EventAlignedBackbone',
        in_channels=dict(visual=144, audio=64),
        embed_dims=width,
        num_levels=1,
        align=dict(num_layers=2),
        attn_window=19,
    ),
    localizer=dict(feat_dim=2 * width),
)
