"""A run uses all weights of a checkpoint, for the same classes, or says what it does not use."""

from __future__ import annotations

import uuid

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from tiny_training import TinyDataset, config, contrastive_hook, run
from torch import nn

from mmdel.utils.errors import UserInputError

HOOK = dict(type='mmdel.CheckpointCheckHook')
EMA = dict(type='EMAHook', momentum=0.5)
HOOKS = [contrastive_hook(), EMA, HOOK]


@DATASETS.register_module(force=True)
class ClassesDataset(TinyDataset):
    def __init__(self, classes):
        self.metainfo = dict(classes=classes)


@MODELS.register_module(force=True)
class ClassModel(BaseModel):
    """What it predicts is the sum of its weights."""

    def __init__(self, num_classes=3, width=2, renames=False, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.layer = nn.Linear(1, width)
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(1, num_classes)
        self.head.num_classes = num_classes
        if renames:
            self._register_load_state_dict_pre_hook(self._rename)

    def _rename(self, state, *_):
        state['layer.weight'] = state.pop('old.weight')

    def forward(self, inputs=None, data_samples=None, mode='tensor'):
        return [self.layer.weight.sum()]


def weights(**kwargs) -> dict:
    """The state of a model, all of whose weights are 1."""
    return {name: torch.ones_like(value) for name, value in ClassModel(**kwargs).state_dict().items()}


class Keep:
    """A metric that keeps what was predicted."""

    def __init__(self):
        self.values = []

    def process(self, data_samples, data_batch=None):
        self.values += [float(value) for value in data_samples]

    def evaluate(self, size):
        return {}


def predict(tmp_path, checkpoint, classes=('a', 'b', 'c'), hooks=(HOOK,), **model) -> list[float]:
    """What is predicted with a checkpoint."""
    torch.save(checkpoint, tmp_path / 'a.pth')
    cfg = Config(
        dict(
            model=dict(type='ClassModel', **model),
            work_dir=str(tmp_path),
            test_dataloader=dict(
                dataset=dict(type='ClassesDataset', classes=classes),
                batch_size=4,
                collate_fn=dict(type='pseudo_collate'),
                sampler=dict(type='DefaultSampler', shuffle=False),
            ),
            test_cfg=dict(),
            test_evaluator=[],
            custom_hooks=list(hooks),
            load_from=str(tmp_path / 'a.pth'),
            experiment_name=uuid.uuid4().hex,
        )
    )
    runner, keep = Runner.from_cfg(cfg), Keep()
    runner._test_evaluator = keep
    runner.test_loop.evaluator = keep
    runner.test()
    return keep.values


def meta(classes) -> dict:
    return dict(dataset_meta=dict(classes=classes))


@pytest.mark.parametrize('hooks', [[HOOK], [EMA, HOOK]])
def test_what_fits_is_used_in_whatever_form(tmp_path, hooks):
    state = weights()
    for checkpoint in (
        dict(state_dict=state, meta=meta(('a', 'b', 'c'))),
        dict(state_dict={f'module.{name}': value for name, value in state.items()}),
        state,
        dict(state_dict={name: value for name, value in state.items() if 'tracked' not in name}, meta=meta(())),
        dict(state_dict=state, score_contrastive=dict(scale=torch.ones(1)), meta=meta(['a', 'b', 'c'])),
    ):
        assert set(predict(tmp_path, checkpoint, hooks=hooks)) == {2.0}


@pytest.mark.parametrize(
    ('trained', 'said'),
    [
        (dict(width=4), r'6 of other shapes: .*layer.weight \(4, 1\), not \(2, 1\), .*…'),
        (dict(num_classes=5), r'2 of other shapes: head.bias \(5,\), not \(3,\)'),
    ],
)
def test_other_layers_are_refused_with_the_shapes_of_both(tmp_path, trained, said):
    with pytest.raises(UserInputError, match=rf'a.pth: it does not fit the model of the config: {said}'):
        predict(tmp_path, dict(state_dict=weights(**trained)))


@pytest.mark.parametrize('hooks', [[HOOK], [EMA, HOOK]])
def test_missing_and_unexpected_weights_are_named(tmp_path, hooks):
    state = weights()
    state['other.weight'] = state.pop('head.weight')
    with pytest.raises(UserInputError, match=r'1 missing: head\.weight; 1 not of the model: other\.weight'):
        predict(tmp_path, dict(state_dict=state), hooks=hooks)


def test_a_model_may_know_older_names(tmp_path):
    state = weights()
    state['old.weight'] = state.pop('layer.weight')
    assert set(predict(tmp_path, dict(state_dict=state), renames=True)) == {2.0}


@pytest.mark.parametrize('classes', ['acb', 'ab', 'abcd', 'xbc'])
def test_other_classes_are_refused_with_both_lists(tmp_path, classes):
    checkpoint = dict(state_dict=weights(), meta=meta(tuple(classes)))
    with pytest.raises(UserInputError, match=f'checkpoint, {len(classes)}: {", ".join(classes)}\ndata, 3: a, b, c'):
        predict(tmp_path, checkpoint)
    assert predict(tmp_path, checkpoint, classes=())  # which have none of their own
    checkpoint['state_dict'] = weights(num_classes=1)
    assert predict(tmp_path, checkpoint, num_classes=1)  # which stands for all


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint of a training with a contrastive loss and a moving average."""
    work_dir = tmp_path_factory.mktemp('trained')
    run(config(work_dir, HOOKS, max_epochs=1))
    return work_dir / 'epoch_1.pth'


def again(tmp_path, path, hooks=HOOKS, resume=True, **options):
    return run(config(tmp_path, hooks, load_from=str(path), resume=resume, **options))[0]


def changed(trained, tmp_path, change):
    content = torch.load(trained)
    change(content)
    torch.save(content, tmp_path / 'changed.pth')
    return tmp_path / 'changed.pth'


def test_a_training_is_resumed(trained, tmp_path):
    assert again(tmp_path, trained).epoch == 2


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda content: content['state_dict'].pop('count.bias'), '1 missing: count.bias'),
        (lambda content: content['score_contrastive'].popitem(), 'does not fit the model of the config: 1 missing'),
        (lambda content: content.pop('message_hub'), 'no state of a training to resume'),
        (lambda content: content['meta'].pop('epoch'), 'no state of a training to resume'),
        (lambda content: content.pop('meta'), 'no state of a training to resume'),
        (lambda content: content.pop('optimizer'), 'it lacks optimizer, and is no state'),
        (lambda content: content.pop('param_schedulers'), 'it lacks param_schedulers,'),
        (lambda content: content.pop('ema_state_dict'), 'it lacks ema_state_dict,'),
        (lambda content: content.pop('score_contrastive'), 'it lacks score_contrastive,'),
    ],
)
def test_a_training_is_not_resumed_from_another_or_none(trained, tmp_path, change, said):
    with pytest.raises(UserInputError, match=said):
        again(tmp_path, changed(trained, tmp_path, change))


def test_a_training_is_resumed_with_its_losses(trained, tmp_path):
    with pytest.raises(UserInputError, match=r'its optimizer has \d+ parameters in \d+ groups, that of the config'):
        again(tmp_path, trained, hooks=[EMA, HOOK])


def test_a_start_from_other_weights_says_what_does_not_fit(trained, tmp_path):
    def change(content):
        content['state_dict']['count.bias'] = torch.zeros(5)
        content['state_dict']['old'] = content['state_dict'].pop('count.weight')

    runner = again(tmp_path, changed(trained, tmp_path, change), resume=False, max_epochs=1)
    (log,) = tmp_path.glob('*/*.log')
    said = 'does not fit the model of the config: 1 of other shapes: count.bias (5,), not (1,); 1 missing: '
    assert said + 'count.weight; 1 not of the model: old' in log.read_text()
    assert runner.epoch == 1
