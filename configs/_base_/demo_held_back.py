# For a study: its trainings are tested on scenes of the demo's kind that nothing was chosen by, four times as many.
_root = '{{$MMDEL_DEMO_ROOT:data/demo}}_held_back'
_test = 'test_dataloader.dataset'
_held_back = dict(
    at='scenes held back',
    cfg_options={
        f'{_test}.ann_file': f'{_root}/annotations.json',
        f'{_test}.subset': 'held_back',
        f'{_test}.num_videos': dict(held_back=192),
        f'{_test}.streams.visual.root': f'{_root}/av_features',
        f'{_test}.streams.audio.root': f'{_root}/av_features',
    },
)
