# What the learned mask of event-aligned attention is worth where sound and picture do not fit together: trained on
# streams that do, or on sound that is moved, tested on the demo data with one stream late, drifting, or replaced for
# half of the video.
_load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
_audio, _visual = dict(stream='audio'), dict(stream='visual')
_disturbances = {
    **{f'sound {shift} steps late': dict(**_audio, shift=shift) for shift in (2, 4, 8, 16)},
    'sound drifts by 8': dict(**_audio, drift=8),
    'other sound in half': dict(**_audio, replace='babble'),
    'no sound in half': dict(**_audio, replace='zeros'),
    'other picture in half': dict(**_visual, replace='babble'),
    'no picture in half': dict(**_visual, replace='zeros'),
}
_of_time = {'model.backbone.align.mask': 'temporal'}
_cls_taps = 'default_hooks.contrast.taps.cls_visual', 'default_hooks.contrast.taps.cls_audio'
_no_alignment = {'model.backbone.align': None, **dict.fromkeys(_cls_taps)}
_trainings = [
    dict(name='DEL', config='del_demo'),
    dict(name='mask of time', config='del_demo', cfg_options=_of_time),
    dict(name='gate taught by the events', config='mixing/del_gate_demo'),
    dict(name='without alignment', config='ablations/del_demo_no_aat'),
    dict(name='DEL, sound moved', config='mixing/del_shift_demo'),
    dict(name='mask of time, sound moved', config='mixing/del_shift_demo', cfg_options=_of_time),
    dict(name='without alignment, sound moved', config='mixing/del_shift_demo', cfg_options=_no_alignment),
]

seeds = [0, 1, 2]
rows = [dict(**_training, at='as recorded') for _training in _trainings]
for _trained in [row['name'] for row in _trainings]:
    for _at, _disturbance in _disturbances.items():
        _pipeline = [*_load, dict(type='mmdel.DisturbStream', **_disturbance), dict(type='mmdel.PackEvents')]
        rows.append(
            dict(test_of=_trained, at=_at, cfg_options={'test_dataloader.dataset.pipeline': _pipeline}),
        )
