from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmdel.engine.hooks import EventVisualizationHook
from mmdel.engine.hooks.event_visualization_hook import save_timeline
from mmdel.registry import HOOKS
from mmdel.structures import EventDataSample
from mmdel.utils.errors import UserInputError


def sample(video_id='video'):
    made = EventDataSample(metainfo=dict(video_id=video_id, duration_sec=10.0))
    made.eval_instances = InstanceData(
        segments_sec=np.array([[1.0, 3.0]]), labels=np.array([1]), ignored=np.array([False])
    )
    made.pred_instances = InstanceData(
        segments_sec=torch.tensor([[1.0, 4.0], [5.0, 6.0]]),
        scores=torch.tensor([0.9, 0.05]),
        labels=torch.tensor([1, 0]),
    )
    return made


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    visualizer = SimpleNamespace(dataset_meta=dict(classes=('bark', 'bell')))
    return SimpleNamespace(visualizer=visualizer, log_dir=str(tmp_path / 'log'), epoch=7)


def drawn(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*.png'))


def run_test(hook, runner, *batches):
    hook.before_test_epoch(runner)
    for index, batch in enumerate(batches):
        hook.after_test_iter(runner, index, None, [sample(name) for name in batch])


@pytest.mark.parametrize(
    ('options', 'batches', 'expected'),
    [
        (dict(interval=2, out_dir='a'), (['v0', 'v1', 'v2'], ['v3', 'v4']), ['a/v0.png', 'a/v2.png', 'a/v4.png']),
        (dict(enable=False, out_dir='a'), (['v0'],), []),
        (dict(), (['v0'],), ['log/events/v0.png']),
        (
            dict(out_dir='a'),
            (['../P01/a', 'P01/a', 'P01_a'],),
            ['a/%2E.%2FP01%2Fa.png', 'a/P01%2Fa.png', 'a/P01_a.png'],
        ),
    ],
)
def test_every_nth_video_is_drawn_across_batches_inside_its_folder(runner, tmp_path, options, batches, expected):
    hook = HOOKS.build({'type': 'mmdel.EventVisualizationHook', 'enable': True, **options})
    run_test(hook, runner, *batches)
    assert drawn(tmp_path) == expected
    run_test(hook, runner, *batches)  # counting starts anew with each test
    assert drawn(tmp_path) == expected


def test_validations_have_folders_of_their_own(runner, tmp_path):
    hook = EventVisualizationHook(enable=True, out_dir=str(tmp_path / 'a'))
    hook.before_val_epoch(runner)
    hook.after_val_iter(runner, 0, None, [sample('v0')])
    assert drawn(tmp_path / 'a') == ['epoch_7/v0.png']


def test_what_is_drawn_is_the_sample(monkeypatch, tmp_path):
    calls = []
    module = 'mmdel.engine.hooks.event_visualization_hook'
    monkeypatch.setattr(f'{module}.draw_timeline', lambda *args, **kwargs: calls.append((args, kwargs)) or 'figure')
    monkeypatch.setattr(f'{module}.write_png', lambda figure, path: calls.append((figure, path)))
    save_timeline(tmp_path / 'a.png', sample('v'), class_names=None, min_score=0.2)
    (args, kwargs), written = calls
    duration_sec, class_names, truth, truth_labels, segments, labels, scores = args
    assert duration_sec == 10 and class_names == ['0', '1'] and written == ('figure', tmp_path / 'a.png')
    assert truth.tolist() == [[1, 3]] and truth_labels.tolist() == [1]
    assert segments.tolist() == [[1, 4], [5, 6]] and labels.tolist() == [1, 0]
    assert scores == pytest.approx([0.9, 0.05])
    assert kwargs['title'] == 'v' and kwargs['min_score'] == 0.2 and kwargs['truth_ignored'].tolist() == [False]


@pytest.mark.parametrize('options', [dict(show=True), dict(interval=0)])
def test_what_it_cannot_do_is_refused(options):
    with pytest.raises(UserInputError):
        EventVisualizationHook(**options)
