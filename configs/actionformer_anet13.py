# ActionFormer on ActivityNet-1.3 with TSP features, as published: events of one class take the best two classes that
# their video has from outside.
_base_ = ['_base_/schedule.py', '_base_/datasets/anet13.py', '_base_/models/actionformer.py']

local = dict(type='mmdel.ConvTransformerBlock', window=7, drop_path=0.1)
model = dict(
    backbone=dict(
        in_channels=dict(visual=512),
        embed_dims=256,
        block=[local, local, local, local, local, {**local, 'window': None}],
        use_abs_pe=True,
    ),
    head=_base_.for_head,
)
train_cfg = dict(max_epochs=15)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
