# DEL's backbone in front of BMN, which reads its finest level: the aligned streams, side by side.
_base_ = ['../bmn_demo.py']

model = dict(
    streams=None,  # the backbone reads them
    backbone=dict(
        type='mmdel.EventAlignedBackbone',
        **_base_.for_backbone,
        num_levels=1,
        align=dict(num_layers=2),
        attn_window=19,
    ),
    localizer=dict(feat_dim=2 * _base_.for_backbone.embed_dims),
)
