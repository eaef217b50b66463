# ActionFormer with DEL's contrastive loss on its embedded features, both streams in one.
_base_ = ['../actionformer_demo.py']

default_hooks = dict(
    contrast=dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss'),
        taps=dict(joint='backbone.embedding'),
        layout='BDT',
        start_epoch=5,
        ramp_epochs=5,
    )
)
