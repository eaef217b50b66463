# ActionFormer with DEL's neck: its one pyramid is guided by itself.
_base_ = ['../actionformer_demo.py']

model = dict(neck=dict(_delete_=True, type='mmdel.AudioVisualPAN', attn_window=19))
