import itertools
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from mmengine.runner import Runner

from mmdel.utils.errors import UserInputError
from mmdel.utils.prepare_config import prepare_config, set_number_format

init_default_scope('mmdel')
CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
WARM_UP, COSINE = Config.fromfile(CONFIGS / '_base_/schedule.py').param_scheduler


def schedule(num_epochs, *schedulers):
    cfg = Config(dict(train_cfg=dict(max_epochs=num_epochs), param_scheduler=list(map(dict, schedulers))))
    prepare_config(cfg, training=True)
    return cfg.param_scheduler


def rates(num_epochs, epoch_length, *schedulers):
    """The learning rate of every iteration, of 1 at its highest."""
    optimizer = OptimWrapper(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0))
    built = [
        PARAM_SCHEDULERS.build(
            {'end': num_epochs, **scheduler}, default_args=dict(optimizer=optimizer, epoch_length=epoch_length)
        )
        for scheduler in schedule(num_epochs, *schedulers)
    ]
    values = []
    for _ in range(num_epochs * epoch_length):
        values += optimizer.get_lr()['lr']
        optimizer.optimizer.step()
        for scheduler in built:
            scheduler.step()
    return values


@pytest.mark.parametrize('has_gpu', [False, True])
def test_batches_wait_in_pinned_memory_where_there_is_a_gpu(monkeypatch, has_gpu):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: has_gpu)
    cfg = Config(dict(train_dataloader=dict(num_workers=1), val_dataloader=dict(pin_memory=False)))
    prepare_config(cfg, training=True)
    assert cfg.train_dataloader == dict(num_workers=1, **(dict(pin_memory=True) if has_gpu else {}))
    assert cfg.val_dataloader == dict(pin_memory=False)


@pytest.mark.parametrize('num_epochs', range(1, 9))
@pytest.mark.filterwarnings('ignore:Detected call')
def test_every_number_of_epochs_rises_and_falls(num_epochs):
    values = rates(num_epochs, 10, WARM_UP, COSINE)
    peak = 10 * (num_epochs // 2 if num_epochs <= 5 else 5)
    expected = [1e-3 + (1 - 1e-3) * i / (peak - 1) for i in range(peak)]
    assert values[:peak] == pytest.approx(expected)
    assert values[peak] == pytest.approx(1.0) == max(values)
    assert all(a > b for a, b in itertools.pairwise(values[peak:]))


@pytest.mark.parametrize('name', ['_base_/schedule_localizer', 'tridet_thumos14'])
@pytest.mark.filterwarnings('ignore:Detected call')
def test_the_other_schedules_come_to_their_full_rate(name):
    for num_epochs in range(1, 31):
        values = rates(num_epochs, 10, *Config.fromfile(CONFIGS / f'{name}.py').param_scheduler)
        assert max(values) == pytest.approx(1.0) and min(values) > 0


def test_a_warm_up_that_ends_in_time_stays():
    assert schedule(6, WARM_UP, COSINE) == [WARM_UP, COSINE]
    by_iter = [dict(type='LinearLR', by_epoch=False, end=50), dict(type='CosineAnnealingLR', by_epoch=False, begin=50)]
    assert schedule(1, *by_iter) == by_iter
    assert schedule(3, dict(type='PolyLR', end=9)) == [dict(type='PolyLR', end=9)]


def test_what_begins_after_the_end_is_left_out():
    third = dict(type='mmengine.ConstantLR', begin=30)
    assert schedule(20, WARM_UP, {**COSINE, 'end': 30}, third) == [WARM_UP, {**COSINE, 'end': 30}]
    assert schedule(4, WARM_UP, {**COSINE, 'end': 30}, third) == [
        {**WARM_UP, 'end': 2},
        {**COSINE, 'begin': 2, 'end': 30},
    ]


def test_a_test_leaves_the_schedule_alone():
    cfg = Config(dict(train_cfg=dict(max_epochs=1), param_scheduler=[WARM_UP, COSINE]))
    prepare_config(cfg, training=False)
    assert cfg.param_scheduler == [WARM_UP, COSINE]


@pytest.mark.parametrize('options', [dict(num_workers=0), dict()])
def test_loaders_without_workers_have_no_options_of_workers(options, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)  # where it is, batches are pinned, too
    of_workers = dict(persistent_workers=True, prefetch_factor=2, timeout=5, multiprocessing_context='fork')
    loader = dict(batch_size=1, dataset=[1], sampler=dict(type='mmengine.DefaultSampler'), **of_workers)
    cfg = Config({f'{split}_dataloader': {**loader, **options} for split in ('train', 'val', 'test')})
    prepare_config(cfg, training=False)
    for split in ('train', 'val', 'test'):
        assert len(Runner.build_dataloader(cfg[f'{split}_dataloader'])) == 1
    cfg = Config(dict(val_dataloader=dict(num_workers=2, **of_workers)))
    prepare_config(cfg, training=False)
    assert cfg.val_dataloader == dict(num_workers=2, **of_workers)


@pytest.mark.parametrize('kind', ['OptimWrapper', 'AmpOptimWrapper', 'mmengine.AmpOptimWrapper'])
@pytest.mark.parametrize(('wanted', 'half'), [('auto', True), ('bf16', True), ('off', False)])
def test_amp_is_for_the_training_and_its_validation(half_precision, kind, wanted, half):
    wrapper = dict(type=kind, dtype='float16', loss_scale=2.0) if 'Amp' in kind else dict(type=kind)
    cfg = Config(
        dict(optim_wrapper=dict(wrapper, optimizer=dict(type='SGD')), val_cfg=dict(fp16=True), test_cfg=dict())
    )
    set_number_format(cfg, wanted, training=True)
    prepare_config(cfg, training=True)
    assert cfg.val_cfg.fp16 == half and cfg.test_cfg == {}
    if half:
        wrapper.update(type='mmdel.AmpOptimWrapper', dtype='bfloat16')
    elif 'Amp' in kind:
        wrapper = dict(type='mmengine.OptimWrapper')
    assert cfg.optim_wrapper == dict(wrapper, optimizer=dict(type='SGD'))
    set_number_format(cfg, wanted, training=False)
    assert cfg.test_cfg == (dict(fp16=True) if half else {})


def test_amp_on_a_cpu_without_units_is_float32_and_says_so(monkeypatch, logged):
    monkeypatch.setattr('mmdel.utils.number_format.has_bfloat16', lambda device: False)
    monkeypatch.setattr('mmdel.utils.prepare_config.get_device', lambda: 'cpu')
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper'), val_cfg=dict(fp16=True)))
    set_number_format(cfg, 'auto', training=True)
    assert cfg.to_dict() == dict(optim_wrapper=dict(type='OptimWrapper'), val_cfg=dict(fp16=False))
    assert logged == ['--amp: the CPU has no units for half precision; computing in float32']


@pytest.mark.parametrize('kind', ['AmpOptimWrapper', 'mmengine.AmpOptimWrapper'])
def test_mmengine_s_wrapper_in_a_config_becomes_one_for_every_device(kind):
    cfg = Config(dict(optim_wrapper=dict(type=kind, dtype='bfloat16')))
    prepare_config(cfg, training=False)
    assert cfg.optim_wrapper.type == kind
    prepare_config(cfg, training=True)
    assert cfg.optim_wrapper == dict(type='mmdel.AmpOptimWrapper', dtype='bfloat16')


def test_amp_refuses_an_unknown_wrapper(half_precision):
    cfg = Config(dict(optim_wrapper=dict(type='MyOptimWrapper'), val_cfg=None))
    with pytest.raises(UserInputError, match='--amp does not know how to change the optimizer wrapper MyOptimWrapper'):
        set_number_format(cfg, 'auto', training=True)
