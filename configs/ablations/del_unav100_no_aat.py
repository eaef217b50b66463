# Without event-aligned attention: each stream is projected on its own. There are no [CLS] vectors then; the contrast
# over the batch uses masked means.
_base_ = ['../del_unav100.py']

model = dict(backbone=dict(align=None))
custom_hooks = [
    _base_.custom_hooks[0],
    {**_base_.custom_hooks[1], 'taps': dict(visual='backbone.align.out.visual', audio='backbone.align.out.audio')},
]
