# UnAV's detector (Geng et al. 2023, arXiv 2303.12930) with its settings of UnAV-100.
_base_ = ['anchor_free.py']

model = dict(
    backbone=dict(
        type='mmdel.AudioVisualPyramidBackbone',
        in_channels=dict(visual=2048, audio=128),
        streams=['visual', 'audio'],
        embed_dims=512,
        num_levels=6,
        attn_window=None,
        use_abs_pe=True,
        drop_path=0.1,
    ),
    # Without the dependency block: neck=dict(_delete_=True, type='mmdel.ConcatNeck').
    neck=dict(type='mmdel.DependencyNeck', feat_channels=128, attn_window=None, drop_path=0.1, with_cp=True),
    head=dict(
        num_classes=100,
        class_aware=True,
        assigner=dict(center_sampling_radius=None),
        nms=dict(sigma=0.4, max_num=100),
        normalizer_init=250,
    ),
)
