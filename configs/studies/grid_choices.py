# What the choices of docs/architecture.md ("DEL beside its authors' code") are worth on GRID-streams, one at a time.
_align = 'model.backbone.align'
_backbone = dict(
    _delete_=True,
    type='mmdel.EventAlignedConvBackbone',
    in_channels=dict(visual=64, audio=64),
    streams=['visual', 'audio'],
    embed_dims=128,
    max_steps=1408,  # a crop of 1024 steps that is slowed down by a third, padded
    attn_window=19,
    align=dict(window_intra=19, drop_path=0.0),
    dropout=0.3,
    drop_path=0.2,
)
_contrast = dict(_delete_=True, type='mmdel.VideoContrastiveLoss')

seeds = [0, 1, 2]
rows = [
    dict(name='DEL', config='del_grid'),
    *(
        dict(
            name=f'{part} of the authors',
            config='del_grid',
            cfg_options={'model.backbone': dict(_backbone, parts=[part])},
        )
        for part in ('align', 'pyramid', 'stem')
    ),
    dict(name='drop-path in the alignment', config='del_grid', cfg_options={f'{_align}.drop_path': 0.2}),
    dict(name='mask of time', config='del_grid', cfg_options={f'{_align}.mask': 'temporal'}),
    dict(name='attention without a mask', config='del_grid', cfg_options={f'{_align}.mask': 'none'}),
    dict(name='one block of alignment', config='del_grid', cfg_options={f'{_align}.num_layers': 1}),
    dict(name='4 heads in the alignment', config='del_grid', cfg_options={f'{_align}.num_heads': 4}),
    dict(
        name='neck of the authors',
        config='del_grid',
        cfg_options={'model.neck': dict(_delete_=True, type='mmdel.GuidedCSPPAN', num_heads=4)},
    ),
    dict(
        name='contrast of the authors',
        config='ablations/del_grid_scl',
        cfg_options={'default_hooks.contrast.loss': _contrast},
    ),
]
