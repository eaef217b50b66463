"""DEL ends at the same weights however its batches are shared out: to ranks, to iterations, or computed twice."""

from __future__ import annotations

import tiny_training
import torch
from mmengine.dist import get_world_size
from ranks import run_ranks

from mmdel.models.backbones import EventAlignedBackbone
from mmdel.models.heads import anchor_free_head


def train(work_dir, batch_size, max_epochs=2, contrast=True, dropout=0.0, normalizer_init=100.0, **options):
    """All that a training leaves: weights, buffers, those of the contrast, and the moving average of them."""
    optimizer = dict(optimizer=dict(type='SGD', lr=0.1), **options.pop('optim_wrapper', {}))
    hooks = [dict(type='mmdel.StepEMAHook', momentum=0.3, update_buffers=True)]
    cfg = tiny_training.del_config(
        work_dir,
        hooks,
        max_epochs=max_epochs,
        batch_size=batch_size,
        shuffle=False,
        optim_wrapper=optimizer,
        **options,
        **tiny_training.distributed_options(),
    )
    cfg.param_scheduler = None  # it would warn of iterations without a step
    cfg.model.backbone.update(dropout=dropout, drop_path=dropout)
    cfg.model.head.normalizer_init = normalizer_init
    if not contrast:
        del cfg.default_hooks.contrast
    runner, _ = tiny_training.run(cfg)
    model = getattr(runner.model, 'module', runner.model)
    (average,) = (hook.ema_model for hook in runner.hooks if hasattr(hook, 'ema_model'))
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    average = {f'average of {name}': value for name, value in average.state_dict().items()}
    return {name: value.detach().clone() for name, value in (state | average).items()}


def assert_close(one, other, **tolerance):
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, msg=lambda said, name=name: f'{name}: {said}', **tolerance)


def test_two_ranks_end_as_one_with_the_joined_batch(tmp_path):
    """With the contrast over all videos, the running mean of the positives and the average of the weights."""
    work_dir = str(tmp_path)
    (one,), two = (run_ranks(lambda: train(work_dir, 8 // get_world_size(), 3), ranks) for ranks in (1, 2))
    assert any(name.startswith('score_contrastive') for name in one) and one['head.loss_normalizer'] < 90
    for rank in two:
        assert_close(one, rank, rtol=1e-5, atol=1e-5)


def test_gradients_summed_over_two_iterations_are_those_of_one(tmp_path, monkeypatch):
    """Up to the number of positives that a batch's losses are divided by, which rests here."""
    monkeypatch.setattr(anchor_free_head, 'NORMALIZER_MOMENTUM', 1.0)
    joined = train(tmp_path / '1', 8, contrast=False)
    summed = train(tmp_path / '2', 4, contrast=False, normalizer_init=50.0, optim_wrapper=dict(accumulative_counts=2))
    for state in (joined, summed):
        state.update({name: value * 0 for name, value in state.items() if 'normalizer' in name or 'steps' in name})
    assert_close(joined, summed, rtol=1e-5, atol=1e-6)


def test_what_is_computed_twice_ends_as_what_is_kept(tmp_path, monkeypatch):
    calls = []
    extract = EventAlignedBackbone.extract
    monkeypatch.setattr(EventAlignedBackbone, 'extract', lambda *args: calls.append(1) or extract(*args))
    kept = train(tmp_path / 'kept', 4, max_epochs=1, dropout=0.1)
    assert len(calls) == 2
    for modules, num_calls in (('backbone', 4), (['backbone.align', 'neck'], 2)):
        calls.clear()
        options = dict(max_epochs=1, dropout=0.1, activation_checkpointing=modules)
        assert_close(kept, train(tmp_path / str(num_calls), 4, **options), rtol=0, atol=0)
        assert len(calls) == num_calls
