import logging
import math
import textwrap
import types
from itertools import pairwise

import pytest
import tiny_training
import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.logging import MMLogger
from mmengine.model.wrappers import MMFullyShardedDataParallel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import MODELS
from mmengine.runner import Runner, load_checkpoint
from ranks import run_ranks
from tiny_training import LOSS, STREAMS, TAPS, TinyDetector, config, contrastive_hook, run

from mmdel.engine.hooks import ScoreContrastiveHook

PARTS = {'loss_intra', 'loss_inter'} | {f'loss_{part}_{name}' for part in ('score', 'token_cls') for name in STREAMS}
EMA = dict(type='EMAHook', momentum=0.1)


def train(work_dir, hooks, stop_before_epoch=None, **kwargs):
    """Trains; returns the runner and what each step reported."""
    runner, recorder = run(config(work_dir, hooks, **kwargs), stop_before_epoch)
    return runner, recorder.history


def loss_of(runner):
    return runner.model.score_contrastive.loss


def test_the_terms_of_the_loss_are_added_to_the_model_s_and_fall_and_in_the_end_nothing_listens(tmp_path):
    runner, history = train(tmp_path, [contrastive_hook()], max_epochs=30)
    for step in history:
        assert step.keys() >= PARTS | {'num_positives', 'num_negatives', 'hard_negatives', 'loss_count'}
        assert step['loss'] == pytest.approx(sum(step[name] for name in PARTS) + step['loss_count'], rel=1e-5)
        assert step['num_positives'] > 0 and 0 <= step['hard_negatives'] <= 1  # counted, not optimised
    assert sum(h['loss_intra'] for h in history[-4:]) < 0.6 * sum(h['loss_intra'] for h in history[:4])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in runner.model.modules())


def test_all_parameters_train_and_the_task_s_are_moved_by_the_loss(tmp_path):
    states = run(config(tmp_path / 'a', [contrastive_hook()]))[1].states
    alone = run(config(tmp_path / 'b', []))[1].states
    assert all(not torch.equal(value, states[-1][name]) for name, value in states[0].items())
    assert torch.equal(alone[0]['encode.visual.weight'], states[0]['encode.visual.weight'])
    assert not torch.equal(alone[-1]['encode.visual.weight'], states[-1]['encode.visual.weight'])


def test_gradients_are_clipped_with_the_model_s(tmp_path):
    clipped = dict(clip_grad=dict(max_norm=1e-9))
    runner, recorder = run(config(tmp_path, [contrastive_hook()], max_epochs=1, optim_wrapper=clipped))
    assert [len(norms) for norms in recorder.norms] == [len(list(runner.model.parameters()))] * 2
    assert all(math.hypot(*norms) <= 1.01e-9 for norms in recorder.norms)


def test_parameters_join_the_groups_of_the_optimizer_once_and_bound_to_the_schedule(tmp_path):
    runner, _ = train(tmp_path, [contrastive_hook()])
    groups = runner.optim_wrapper.optimizer.param_groups
    listed = [id(parameter) for group in groups for parameter in group['params']]
    assert sorted(listed) == sorted(id(parameter) for parameter in runner.model.parameters())
    decay = {id(parameter): group['weight_decay'] for group in groups for parameter in group['params']}
    for name, parameter in loss_of(runner).named_parameters():
        assert decay[id(parameter)] == (0.05 if parameter.dim() > 1 else 0.0), name
    assert len(groups) == len(train(tmp_path / 'alone', [], max_epochs=1)[0].optim_wrapper.optimizer.param_groups)


def test_interrupted_and_resumed_is_bit_for_bit_uninterrupted(tmp_path):
    """60 steps, interrupted at 30, with a moving average, warm-up, clipping and a ramp that is still rising then."""
    hooks = [dict(**EMA, update_buffers=True, strict_load=True), contrastive_hook(start_epoch=1, ramp_epochs=20)]
    options = dict(max_epochs=30, batch_size=4)
    whole, expected = train(tmp_path / 'whole', hooks, **options)
    first = train(tmp_path / 'parts', hooks, stop_before_epoch=15, **options)[1]
    resumed, second = train(tmp_path / 'parts', hooks, resume=True, seed=0, **options)
    assert len(first) == len(second) == 30
    assert first + second == expected
    for (name, value), other in zip(whole.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(value, other), name
    checkpoints = [torch.load(tmp_path / part / 'epoch_30.pth') for part in ('whole', 'parts')]
    for key in ('state_dict', 'score_contrastive', 'ema_state_dict'):
        assert checkpoints[0][key].keys() == checkpoints[1][key].keys()
        assert all(torch.equal(value, checkpoints[1][key][name]) for name, value in checkpoints[0][key].items())


@pytest.mark.parametrize('order', [1, -1])
def test_the_moving_average_is_that_of_the_model_in_whichever_order_the_hooks_are_listed(tmp_path, order):
    hooks = [contrastive_hook(), dict(**EMA, update_buffers=True)][::order]
    _, first, second = run(config(tmp_path, hooks, max_epochs=1))[1].states
    checkpoint = torch.load(tmp_path / 'epoch_1.pth')
    names = [name for name in first if not name.startswith('score_contrastive')]
    # mmengine saves the averages as the state dict, and the trained values beside them.
    assert set(checkpoint['state_dict']) == {*names, 'num_steps'}
    for name in names:
        assert torch.equal(checkpoint['ema_state_dict'][f'module.{name}'], second[name]), name
        # The average starts at the first step's result and moves a tenth of the way to the second's.
        torch.testing.assert_close(checkpoint['state_dict'][name], first[name].lerp(second[name], 0.1))


def test_validation_inside_training_leaves_it_alone(tmp_path):
    hooks = [EMA, contrastive_hook()]
    validation = dict(
        val_cfg=dict(),
        val_dataloader=dict(
            dataset=dict(type='TinyDataset'), batch_size=2, sampler=dict(type='DefaultSampler', shuffle=False)
        ),
        val_evaluator=dict(type='DumpResults', out_file_path=str(tmp_path / 'dump.pkl')),
    )
    with_validation = train(tmp_path / 'a', hooks, max_epochs=4, **validation)[1]
    assert with_validation == train(tmp_path / 'b', hooks, max_epochs=4)[1]


def test_a_checkpoint_is_that_of_the_model_alone_and_loads_without_a_word(tmp_path, caplog):
    train(tmp_path, [EMA, contrastive_hook()])
    path = str(tmp_path / 'epoch_2.pth')
    model = MODELS.build(dict(type='TinyDetector'))
    model.load_state_dict(torch.load(path)['state_dict'], strict=True)
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        load_checkpoint(MODELS.build(dict(type='TinyDetector')), path, map_location='cpu', logger='current')
        for hooks in ([EMA, contrastive_hook()], [contrastive_hook()], []):
            cfg = config(tmp_path / 'test', hooks, load_from=path)
            cfg.test_dataloader = cfg.train_dataloader
            cfg.test_cfg = dict()
            cfg.test_evaluator = dict(type='DumpResults', out_file_path=str(tmp_path / 'dump.pkl'))
            tester = Runner.from_cfg(cfg)
            tester.logger.addHandler(caplog.handler)
            tester.test()
            assert not hasattr(tester.model, 'score_contrastive')
            assert not any(module._forward_hooks for module in tester.model.modules())
    finally:
        logger.removeHandler(caplog.handler)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert not any('match exactly' in message or 'state_dict' in message for message in said), said


def test_fine_tuning_starts_from_a_checkpoint_made_without_the_hook(tmp_path):
    train(tmp_path / 'a', [], max_epochs=1)
    _, history = train(
        tmp_path / 'b', [EMA, contrastive_hook()], load_from=str(tmp_path / 'a' / 'epoch_1.pth'), max_epochs=1
    )
    assert len(history) == 2 and 'loss_intra' in history[0]


def test_the_weight_is_zero_before_its_epoch_and_then_rises_linearly(tmp_path):
    history = train(tmp_path / 'a', [contrastive_hook(start_epoch=1, ramp_epochs=2)], max_epochs=5)[1]
    assert ['loss_inter' in step for step in history] == [False] * 3 + [True] * 7
    assert history[0]['loss_intra'] == 0
    runner = train(tmp_path / 'b', [contrastive_hook(start_epoch=1, ramp_epochs=2)], max_epochs=1)[0]
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, ScoreContrastiveHook))
    seen = []
    for runner.train_loop._iter in range(9):
        hook.before_train_iter(runner, 0)
        seen.append(hook.tapped.weight)
    assert seen == [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1]


@pytest.mark.parametrize('optim_wrapper', [dict(), dict(type='mmdel.AmpOptimWrapper', dtype='float16', loss_scale=8.0)])
@pytest.mark.parametrize('accumulative_counts', [1, 2])
def test_until_the_loss_sets_in_the_optimizer_leaves_its_parameters_alone(
    tmp_path, half_precision, accumulative_counts, optim_wrapper
):
    """Two epochs of two steps without it, two with it: nothing moves, nothing decays, and the first step is step 1."""
    options = dict(optim_wrapper, accumulative_counts=accumulative_counts)
    cfg = config(tmp_path, [contrastive_hook(start_epoch=2)], max_epochs=4, optim_wrapper=options)
    cfg.param_scheduler = None  # it would warn of iterations without a step
    runner, recorder = run(cfg)
    moved = [
        any(not torch.equal(value, after[name]) for name, value in before.items() if 'score_contrastive' in name)
        for before, after in pairwise(recorder.states)
    ]
    assert moved == [False] * 4 + ([True] * 4 if accumulative_counts == 1 else [False, True] * 2)
    for name, parameter in runner.model.named_parameters():
        num_iters = 4 if name.startswith('score_contrastive') else 8
        assert runner.optim_wrapper.optimizer.state[parameter]['step'] == num_iters / accumulative_counts, name


@pytest.mark.parametrize(
    'taps, parts',
    [
        (dict(audio='encode.audio'), {'loss_intra', 'loss_score_audio', 'loss_token_cls_audio'}),
        ({**TAPS, 'audio': None, 'cls_audio': None}, {'loss_intra', 'loss_score_visual', 'loss_token_cls_visual'}),
        (dict(a='encode.visual', b='encode:0.audio'), {'loss_intra', 'loss_inter', 'loss_score_a', 'loss_score_b'}),
        (dict(visual='encode.visual', audio='encode.audio', cls_audio='encode:cls.audio'), PARTS),
    ],
)
def test_streams_and_their_names_are_the_user_s(tmp_path, taps, parts):
    history = train(tmp_path, [contrastive_hook(taps=taps)], max_epochs=20)[1]
    assert parts <= history[0].keys() and ('loss_inter' in parts) == ('loss_inter' in history[0])
    assert history[-1]['loss_intra'] < history[0]['loss_intra']


def test_switched_off_it_does_nothing(tmp_path):
    _, history = train(tmp_path / 'a', [contrastive_hook(enable=False)])
    assert history == train(tmp_path / 'b', [])[1]
    assert 'score_contrastive' not in torch.load(tmp_path / 'a' / 'epoch_2.pth')


def test_what_the_loss_leaves_out_is_taken_from_the_data_and_the_tapped_modules():
    loss = ScoreContrastiveHook(LOSS, {**TAPS, 'audio': 'encode.audio'})._complete_loss(TinyDetector(), 'abc')
    assert (loss['num_classes'], loss['embed_dims']) == (3, dict(visual=8, audio=8))
    hook = ScoreContrastiveHook(LOSS, dict(x='0'), targets='gt_bbox')
    loss = hook._complete_loss(torch.nn.Sequential(torch.nn.Conv1d(5, 7, 1)), 'abc')
    assert (loss['num_classes'], loss['embed_dims']) == (1, dict(x=7))
    with pytest.raises(ValueError, match=r"'0': ReLU has none of .*give embed_dims"):
        hook._complete_loss(torch.nn.Sequential(torch.nn.ReLU()), 'abc')
    with pytest.raises(ValueError, match='give num_classes'):
        ScoreContrastiveHook(LOSS, dict(x='0'))._complete_loss(torch.nn.Sequential(torch.nn.ReLU()), ())


@pytest.mark.parametrize(
    'hook, message',
    [
        (dict(taps=dict(visual='encode.vidual')), r"'encode.vidual'.* no submodule 'vidual', only \['visual'"),
        (dict(taps=dict(visual='backbone.out')), "TinyDetector has no submodule 'backbone'"),
        (dict(taps=dict(visual=None)), 'one or two streams'),
        (dict(taps=dict(a='count', b='count', c='count')), 'one or two streams'),
        (dict(taps=dict(visual='encode.visual', cls_audio='encode:cls.audio')), 'cls_<stream> only of these'),
        (dict(loss={**LOSS, 'embed_dims': 16}), r"taps\['visual'\] = .* puts out 8 channels .*embed_dims=16"),
        (dict(taps=dict(visual='encode:cls.visual')), r"'encode:cls.visual' must put out a tensor BTD, got shape"),
        (dict(taps=dict(visual='encode')), 'must put out a tensor BTD, got type Encoded'),
        (dict(taps=dict(visual='encode:streams.vidual')), "a dict has no 'vidual'"),
        (dict(taps=dict(visual='encode.visual', cls_visual='encode.visual')), 'must put out a tensor BD'),
        (dict(layout='BDT'), 'puts out .* channels'),
        (dict(layout='BT'), 'each of the letters'),
        (dict(targets='labels'), 'targets must be one of'),
        (dict(targets='gt_label'), "targets='gt_label', but a data sample lacks it"),
        (dict(loss={**LOSS, 'num_classes': 4}), 'num_classes=4, the training data 3'),
        (dict(loss={**LOSS, 'num_classes': 3}, targets='gt_bbox'), "num_classes=3, targets='gt_bbox' 1"),
    ],
)
def test_mistakes_are_named_before_or_at_the_first_step(tmp_path, hook, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path, [contrastive_hook(**hook)], max_epochs=1)


def test_other_ways_to_train_are_refused():
    runner = types.SimpleNamespace(model=MODELS.build(dict(type='TinyDetector')))
    optimizer = OptimWrapper(torch.optim.SGD(runner.model.parameters(), lr=1.0))
    runner.optim_wrapper = OptimWrapperDict(all=optimizer)
    with pytest.raises(ValueError, match='OptimWrapperDict'):
        ScoreContrastiveHook(LOSS, TAPS).before_run(runner)
    sharded = MMFullyShardedDataParallel.__new__(MMFullyShardedDataParallel)
    torch.nn.Module.__init__(sharded)
    sharded._fsdp_wrapped_module = runner.model
    runner.optim_wrapper, runner.model = optimizer, sharded
    with pytest.raises(ValueError, match='does not work with a MMFullyShardedDataParallel'):
        ScoreContrastiveHook(LOSS, TAPS).before_run(runner)


def test_two_hooks_in_one_config_are_refused(tmp_path):
    with pytest.raises(ValueError, match='second ScoreContrastiveHook'):
        train(tmp_path, [contrastive_hook(), contrastive_hook()], max_epochs=1)


def test_two_processes_end_as_one_with_the_joined_batch(tmp_path):
    """Other numbers of pairs and steps on each rank, inter-sample negatives from both, a start epoch in between."""
    hook = contrastive_hook(start_epoch=1, ramp_epochs=2, loss={**LOSS, 'inter_weight': 0.5, 'score_weight': 0.1})
    unclipped = dict(clip_grad=dict(max_norm=1e9))

    def rank():
        # DefaultSampler deals the videos out in turn: two ranks of batch 4 see together what one of batch 8 sees.
        options = dict(max_epochs=5, batch_size=8 // get_world_size(), shuffle=False, optim_wrapper=unclipped)
        cfg = config(tmp_path / str(get_world_size()), [hook], **options, **tiny_training.distributed_options())
        runner, recorder = run(cfg)
        model, state = getattr(runner.model, 'module', runner.model), runner.optim_wrapper.optimizer.state
        steps = {name: state[parameter]['step'].item() for name, parameter in model.named_parameters()}
        return dict(parameters=dict(model.named_parameters()), steps=steps, history=recorder.history)

    (one,), ranks = run_ranks(rank, 1), run_ranks(rank, 2)
    for name, value in one['parameters'].items():
        for rank in ranks:
            torch.testing.assert_close(rank['parameters'][name], value, atol=1e-6, rtol=1e-5, msg=name)
    assert one['steps'] == ranks[0]['steps'] == ranks[1]['steps']
    assert set(one['steps'].values()) == {3.0, 5.0}  # the ramp begins with weight 0, after one epoch without the loss
    for step, *parts in zip(one['history'], *(rank['history'] for rank in ranks), strict=True):
        if 'loss_inter' in step:
            assert all(part['loss_inter'] == pytest.approx(step['loss_inter'], rel=1e-5) for part in parts)
            assert sum(part['num_positives'] for part in parts) == step['num_positives']
            assert len({part['num_positives'] for part in parts}) > 1


def test_the_documented_line_is_all_it_takes():
    line = ScoreContrastiveHook.__doc__.split('::', 1)[1].split('While training')[0]
    cfg = Config.fromstring(textwrap.dedent(line), '.py')
    hook = ScoreContrastiveHook(**{key: value for key, value in cfg.default_hooks.contrast.items() if key != 'type'})
    assert hook.streams == ['visual', 'audio']
