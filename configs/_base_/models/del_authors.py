# DEL in the layout of its authors' code, with the settings of UnAV-100.
_base_ = ['anchor_free.py']

model = dict(
    # Learned positions, two passes of one block, convolutional attention, strided convolutions that start at random.
    backbone=dict(
        type='mmdel.EventAlignedConvBackbone',
        in_channels=dict(visual=2048, audio=128),
        streams=['visual', 'audio'],
        embed_dims=512,
        num_levels=6,
        max_steps=224,
        num_align_layers=2,
        num_align_heads=8,
        num_heads=4,
        num_stem_convs=2,
        num_stem_blocks=2,
        drop_path=0.1,
    ),
    # Ten cross-stage-partial layers under the guidance of the other stream.
    neck=dict(type='mmdel.GuidedCSPPAN', num_heads=4),
    head=dict(
        num_classes=100,
        class_aware=True,
        assigner=dict(center_sampling_radius=None),
        nms=dict(sigma=0.4, max_num=100),
    ),
    # The learned positions end: a longer video is seen in windows.
    test_cfg=dict(window=224),
)
# One anchor a video; weights 1.0 within a video, 0.001 over the batch and of the scores, as in the code's evaluation.
contrast = dict(
    type='mmdel.ScoreContrastiveHook',
    loss=dict(type='mmdel.VideoContrastiveLoss', intra_weight=1.0, inter_weight=0.001, score_weight=0.001),
    taps=dict(
        visual='backbone.align:streams.visual',
        audio='backbone.align:streams.audio',
        cls_visual='backbone.align:cls.visual',
        cls_audio='backbone.align:cls.audio',
    ),
)
