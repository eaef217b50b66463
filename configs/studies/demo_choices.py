# What the choices of docs/architecture.md ("DEL beside its authors' code") and others are worth on the demo
# data, one at a time.
_base_ = ['../_base_/demo_held_back.py']

_align = 'model.backbone.align'
_loss = 'default_hooks.contrast.loss'
_contrast = dict(_delete_=True, type='mmdel.VideoContrastiveLoss')
_backbone = dict(
    _delete_=True,
    type='mmdel.EventAlignedConvBackbone',
    in_channels=dict(visual=144, audio=64),
    streams=['visual', 'audio'],
    embed_dims=64,
    max_steps=256,
    attn_window=19,
    align=dict(drop_path=0.0),
)
_offsets = {'model.head.regressor': dict(_delete_=True, type='mmdel.OffsetRegressor'), 'model.head.iou_power': 0.0}
_mixing = [
    dict(type='mmdel.LoadFeatures'),
    dict(type='mmdel.AlignStreams', reference='visual'),
    dict(type='mmdel.RandomTemporalCrop', max_len=256, crop_ratio=(0.9, 1.0), trunc_thresh=0.5),
    dict(type='mmdel.MixVideos', prob=0.5, max_share=0.5),
    dict(type='mmdel.PackEvents'),
]

seeds = [0, 1, 2]
rows = [
    dict(name='DEL', config='del_demo'),
    dict(name='mask of time', config='del_demo', cfg_options={f'{_align}.mask': 'temporal'}),
    dict(name='attention without a mask', config='del_demo', cfg_options={f'{_align}.mask': 'none'}),
    dict(name='across within 4 steps', config='del_demo', cfg_options={f'{_align}.window_cross': 4}),
    dict(name='one block of alignment', config='del_demo', cfg_options={f'{_align}.num_layers': 1}),
    dict(name='4 heads in the alignment', config='del_demo', cfg_options={f'{_align}.num_heads': 4}),
    dict(name='drop-path in the alignment', config='del_demo', cfg_options={f'{_align}.drop_path': 0.1}),
    dict(name='backbone of the authors', config='del_demo', cfg_options={'model.backbone': _backbone}),
    *(
        dict(
            name=f'{part} of the authors',
            config='del_demo',
            cfg_options={'model.backbone': dict(_backbone, parts=[part])},
        )
        for part in ('align', 'stem', 'pyramid')
    ),
    dict(
        name='neck of the authors',
        config='del_demo',
        cfg_options={'model.neck': dict(_delete_=True, type='mmdel.GuidedCSPPAN', num_heads=4)},
    ),
    dict(name='contrast of the authors', config='del_demo', cfg_options={_loss: _contrast}),
    dict(
        name='ten times the weights of the contrast',
        config='del_demo',
        cfg_options={
            f'{_loss}.intra_weight': 0.1,
            f'{_loss}.inter_weight': 0.01,
            f'{_loss}.score_weight': 1.0,
            f'{_loss}.token_cls_weight': 1.0,
        },
    ),
    dict(name='layout of the authors', config='ablations/del_demo_authors'),
    dict(name='causal heads', config='mixing/del_causal_demo'),
    dict(name='gate taught by the events', config='mixing/del_gate_demo'),
    dict(name='mixed videos', config='del_demo', cfg_options={'train_dataloader.dataset.pipeline': _mixing}),
    dict(name='dropout', config='del_demo', cfg_options={'model.backbone.dropout': 0.1, 'model.neck.dropout': 0.1}),
    dict(name='plain offsets', config='del_demo', cfg_options=_offsets),
]
rows += [dict(test_of=_row['name'], **_base_._held_back) for _row in rows]
