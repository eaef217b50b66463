"""The reference (naive_del.py, naive_training.py), run by model_runs.py, computes what the model computes."""

import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tools(monkeypatch):
    """The modules of tools/analysis that measure models."""
    monkeypatch.setattr(sys, 'path', [str(ROOT / 'tools/analysis'), *sys.path])
    import benchmarking
    import model_runs
    import naive_del

    return benchmarking, model_runs, naive_del


def small(name):
    cfg = Config.fromfile(ROOT / f'configs/{name}.py')
    ranges = [(0, 4), (4, 8), (8, 10000)]
    cfg.merge_from_dict(
        {
            'model.backbone.embed_dims': 16,
            'model.backbone.num_levels': 3,
            'model.backbone.drop_path': 0.0,
            'model.head.feat_channels': 16,
            'model.head.point_generator.regress_ranges': ranges,
            'default_hooks.contrast.loss.intra_weight': 1.0,
        }
    )
    return cfg


@pytest.mark.parametrize('name', ['del_unav100', 'del_thumos14'])  # without a window, with classes; the other way round
def test_outputs_events_losses_and_gradients_are_those_of_the_model(name, tools):
    benchmarking, model_runs, _ = tools
    trainer = model_runs.Trainer(small(name), True, torch.device('cpu'))
    torch.manual_seed(2)
    for parameter in trainer.model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    batch = trainer.model.data_preprocessor(benchmarking.random_batch(small(name), 2, 41, 3), True)
    run, naive = model_runs.OwnRun('float32', batch, trainer), model_runs.NaiveRun(batch, trainer)
    for each in (run, naive):
        each.inference()
    for ours, reference in zip(run.outputs, naive.outputs, strict=True):
        torch.testing.assert_close(ours, reference, atol=1e-4, rtol=1e-4)
    for ours, (segments, scores, labels) in zip(run.events, naive.events, strict=True):
        assert len(scores) > 20 and ours.labels.tolist() == labels.tolist()
        torch.testing.assert_close(ours.scores, torch.tensor(scores).float(), atol=1e-5, rtol=1e-4)
        grid = batch['data_samples'][0].grid
        reference = grid.to_sec(torch.tensor(segments)).clamp(0, batch['data_samples'][0].duration_sec).float()
        torch.testing.assert_close(ours.segments_sec, reference, atol=1e-3, rtol=1e-4)

    before = float(naive.naive.normalizer)
    for each in (run, naive):
        each.step()
    assert naive.naive.normalizer == pytest.approx(float(trainer.model.head.loss_normalizer)) != pytest.approx(before)
    moments = [
        (
            trainer.optim_wrapper.optimizer.state[parameter]['exp_avg'],
            naive.optimizer.state[naive.naive.parameters[key]],
        )
        for key, parameter in trainer.model.named_parameters()
    ]
    assert len(moments) > 100
    for ours, reference in moments:  # a tenth of the clipped gradient
        torch.testing.assert_close(ours, reference['exp_avg'], atol=1e-6, rtol=1e-3)


OTHERS = 'actionformer_demo', 'del_anet13', 'bmn_demo', 'ablations/del_demo_no_aat', 'ablations/del_demo_no_pan'


@pytest.mark.parametrize('name', OTHERS)
def test_what_it_does_not_compute_has_no_reference(name, tools):
    with MODELS.switch_scope_and_registry('mmdel'):
        assert not tools[2].has_reference(MODELS.build(Config.fromfile(ROOT / f'configs/{name}.py').model))
