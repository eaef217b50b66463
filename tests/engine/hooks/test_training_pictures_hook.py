"""Pictures of validations, as the visualizer's backends get them."""

from __future__ import annotations

import json
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image

from mmdel.engine.hooks import TrainingPicturesHook, training_pictures_hook
from mmdel.utils.errors import UserInputError

CONTRAST = """
default_hooks = dict(
    pictures=dict(num_videos=2),
    contrast=dict(
        type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss', proj_dims=4), taps=_base_.taps
    ),
)
visualizer = dict(
    type='mmengine.Visualizer',
    vis_backends=[dict(type='mmengine.LocalVisBackend'), dict(type='mmengine.TensorboardVisBackend')],
)
"""
KINDS = 'timeline', 'event_mask', 'scores'


@pytest.fixture(scope='module')
def trained(tiny_config, run_tool_here, tmp_path_factory):
    """The folder of a tiny training's pictures, and the tensors that they were drawn of."""
    folder = tmp_path_factory.mktemp('pictures')
    (folder / 'config.py').write_text(f"_base_ = ['{tiny_config}']\n{CONTRAST}")
    calls = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ('draw_event_masks', 'draw_scores', 'draw_precision_recall'):
            draw = mock.Mock(wraps=getattr(training_pictures_hook, name))
            patch.setattr(training_pictures_hook, name, draw)
            calls[name] = draw.call_args_list
        done = run_tool_here('tools/train.py', folder / 'config.py', '--work-dir', folder / 'run')
    assert done.returncode == 0, done.stdout + done.stderr
    (vis_data,) = (folder / 'run').glob('*/vis_data')
    return vis_data, {name: [call.args for call in list_of] for name, list_of in calls.items()}


def video_ids(tiny_config):
    database = json.loads((tiny_config.parent / 'annotations.json').read_text())['database']
    return [name for name, entry in database.items() if entry['subset'] == 'val'][:2]


def test_each_validation_adds_its_pictures_to_every_backend(trained, tiny_config):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, _ = trained
    names = {f'{kind}_{name}' for kind in KINDS for name in video_ids(tiny_config)} | {'precision_recall'}
    files = {path.stem for path in (folder / 'vis_image').iterdir()}
    assert files == {f'{name}_{epoch}' for name in names for epoch in (1, 2)}
    board = EventAccumulator(str(folder), size_guidance=dict(images=0)).Reload()
    assert set(board.Tags()['images']) == names
    assert [event.step for event in board.Images('precision_recall')] == [1, 2]
    picture = np.asarray(Image.open(folder / f'vis_image/scores_{video_ids(tiny_config)[0]}_2.png'))
    assert picture.ndim == 3 and picture[..., :3].std() > 10


def test_what_is_drawn_is_what_the_model_computed(trained):
    _, drawn = trained
    masks, streams, times_sec, video_id = drawn['draw_event_masks'][0]
    scores, score_times, truth, duration_sec, same_id = drawn['draw_scores'][0]
    num = len(times_sec)
    assert [mask.shape for mask in masks] == [(2 * num, 2 * num)] and list(streams) == ['visual', 'audio']
    own, across = masks[0][:num, :num], masks[0][:num, num:]
    assert ((own > 0) & (own < 1)).all() and not across[~np.eye(num, dtype=bool)].any() and np.diag(across).all()
    assert set(scores) == {'visual', 'audio'} and video_id == same_id
    assert all(
        len(values) == len(score_times) == num and ((values > 0) & (values < 1)).all() for values in scores.values()
    )
    assert np.diff(score_times) == pytest.approx(0.25) and truth.shape == (2, 2) and 0 < score_times[-1] < duration_sec
    videos, tious = drawn['draw_precision_recall'][0]
    assert len(videos) == 3 and list(tious) == [0.3, 0.5, 0.7]


def test_nothing_listens_to_the_model_afterwards_and_without_videos_never(trained):
    hook, model = TrainingPicturesHook(), torch.nn.Linear(1, 1)
    runner = type('Runner', (), dict(model=model))
    hook.before_val_epoch(runner)
    hook.after_val_iter(runner, 0, None, [object()])
    hook.after_val_epoch(runner)
    assert not model._forward_hooks and not hook._videos
    with pytest.raises(UserInputError, match='num_videos'):
        TrainingPicturesHook(num_videos=-1)
