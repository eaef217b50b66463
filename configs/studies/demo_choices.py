# What the choices of docs/architecture.md ("DEL beside its authors' code") are worth on the demo data, one at a time.
_align = 'model.backbone.align'
_contrast = dict(
    _delete_=True,
    type='mmdel.VideoContrastiveLoss',
    intra_weight=1.0,
    inter_weight=0.001,
    score_weight=0.001,
)

seeds = [0, 1, 2]
rows = [
    dict(name='DEL', config='del_demo'),
    dict(name='mask of time', config='del_demo', cfg_options={f'{_align}.mask': 'temporal'}),
    dict(name='attention without a mask', config='del_demo', cfg_options={f'{_align}.mask': 'none'}),
    dict(name='across within 4 steps', config='del_demo', cfg_options={f'{_align}.window_cross': 4}),
    dict(name='one block of alignment', config='del_demo', cfg_options={f'{_align}.num_layers': 1}),
    dict(name='4 heads in the alignment', config='del_demo', cfg_options={f'{_align}.num_heads': 4}),
    dict(name='no drop-path in the alignment', config='del_demo', cfg_options={f'{_align}.drop_path': 0.0}),
    dict(
        name='neck of the authors',
        config='del_demo',
        cfg_options={'model.neck': dict(_delete_=True, type='mmdel.GuidedCSPPAN', num_heads=4)},
    ),
    dict(name='contrast of the authors', config='del_demo', cfg_options={'default_hooks.contrast.loss': _contrast}),
    dict(name='layout of the authors', config='ablations/del_demo_authors'),
    dict(name='scores of tIoU', config='del_demo', cfg_options={'model.head.iou_power': 0.2}),
]
