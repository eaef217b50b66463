# DEL (Ahmadian et al. 2025, arXiv 2506.23196) with the settings of UnAV-100.
_base_ = ['anchor_free.py']

model = dict(
    backbone=dict(
        type='mmdel.EventAlignedBackbone',
        in_channels=dict(visual=2048, audio=128),
        streams=['visual', 'audio'],
        embed_dims=512,
        num_levels=6,
        align=dict(num_layers=2, num_heads=8, mask='learned', window_cross=0, drop_path=0.0),
        attn_window=None,
        drop_path=0.1,
    ),
    neck=dict(type='mmdel.AudioVisualPAN', attn_window=None),
    head=dict(
        num_classes=100,
        class_aware=True,
        assigner=dict(center_sampling_radius=None),
        nms=dict(sigma=0.4, max_num=100),
    ),
)
# Where the contrastive loss listens.
taps = dict(
    visual='backbone.align:streams.visual',
    audio='backbone.align:streams.audio',
    cls_visual='backbone.align:cls.visual',
    cls_audio='backbone.align:cls.audio',
)
