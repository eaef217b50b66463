# Without event-aligned attention: each stream is projected on its own. There are no [CLS] vectors then; the contrast
# over the batch uses masked means.
_base_ = ['../del_demo.py']

model = dict(backbone=dict(align=None))
default_hooks = dict(contrast=dict(taps=dict(cls_visual=None, cls_audio=None)))
