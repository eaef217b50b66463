# ActionFormer with DEL's contrastive loss on its embedded features, both streams in one.
_base_ = ['../actionformer_demo.py']

custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(
            type='mmdel.ScoreContrastiveLoss', num_classes=_base_.num_classes, embed_dims=_base_.width, intra_weight=0.1
        ),
        taps=dict(joint='backbone.embedding'),
        layout='BDT',
        start_epoch=5,
        ramp_epochs=5,
    ),
]
