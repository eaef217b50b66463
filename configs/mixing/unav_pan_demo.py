# UnAV's backbone and head with DEL's neck between them, in place of the dependency block.
_base_ = ['../unav_demo.py']

model = dict(neck=dict(_delete_=True, type='mmdel.AudioVisualPAN', attn_window=19))
