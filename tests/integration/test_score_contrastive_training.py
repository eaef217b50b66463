"""DEL itself, at a small width, trained with the contrastive hook of its config."""

import math

import pytest
import tiny_training


def train(work_dir, stop_before_epoch=None, max_epochs=30, **kwargs):
    """Trains DEL on tiny streams; returns what each step reported."""
    hooks = [dict(type='EMAHook', momentum=0.1), dict(type='mmdel.EpochSeedHook'), dict(type='mmdel.ClassCheckHook')]
    cfg = tiny_training.del_config(work_dir, hooks, max_epochs=max_epochs, **kwargs)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=15)
    return tiny_training.run(cfg, stop_before_epoch)[1].history


def test_interrupted_at_30_of_60_steps_and_resumed_is_bit_for_bit_uninterrupted(tmp_path):
    whole = train(tmp_path / 'whole')
    first = train(tmp_path / 'parts', stop_before_epoch=15)
    second = train(tmp_path / 'parts', resume=True)
    assert len(first) == len(second) == 30
    assert first + second == whole
    assert whole[-1]['loss_intra'] < 0.8 * whole[0]['loss_intra']
    assert whole[-1]['loss_cls'] < 0.7 * whole[0]['loss_cls']


def test_mixed_precision_trains_alike(tmp_path, half_precision):
    half = train(tmp_path / 'half', max_epochs=2, optim_wrapper=dict(type='mmdel.AmpOptimWrapper', dtype='bfloat16'))
    full = train(tmp_path / 'full', max_epochs=2)
    assert all(math.isfinite(value) for step in half for value in step.values())
    assert half[0]['loss'] == pytest.approx(full[0]['loss'], rel=0.02)
    assert half[0]['loss'] != full[0]['loss']
