# DEL with UnAV's dependency block between its neck and its head.
_base_ = ['../del_demo.py']

model = dict(
    neck=dict(
        _delete_=True,
        type='mmdel.NeckChain',
        necks=[
            dict(type='mmdel.AudioVisualPAN', attn_window=19),
            dict(type='mmdel.DependencyNeck', feat_channels=16, attn_window=19),
        ],
    )
)
