from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from ragged import ragged_batch
from tiny_training import STREAMS, TinyDataset, del_config, run
from torch import nn

from mmdel.engine.hooks import ClassCheckHook
from mmdel.utils.class_embeddings import PART
from mmdel.utils.errors import UserInputError


def runner_of(num_classes=None, train=None, val=None, test=None):
    """A runner with these classes; None: not there."""
    model = nn.Module()
    if num_classes is not None:
        model.head = nn.Module()
        model.head.num_classes = num_classes
    loaders = {
        f'{split}_dataloader': SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes)))
        for split, classes in dict(train=train, val=val, test=test).items()
    }
    return SimpleNamespace(model=model, val_loop=None if val is None else 'a loop', **loaders)


@pytest.mark.parametrize(
    'classes',
    [
        dict(num_classes=2, train='ab', val='ab'),
        dict(num_classes=2, train='ab'),
        dict(num_classes=1, train='ab', val=tuple('ab')),
        dict(train='ab', val='ab'),
        dict(num_classes=2, val='ab'),
        dict(num_classes=2, train='ab', val=''),
    ],
)
def test_what_fits_or_cannot_be_compared_passes(classes):
    ClassCheckHook().before_train(runner_of(**classes))


def test_data_sets_without_metainfo_pass():
    runner = runner_of(3)
    runner.train_dataloader.dataset = [1, 2]
    ClassCheckHook().before_train(runner)


@pytest.mark.parametrize(
    'classes, message',
    [
        (dict(num_classes=3, train='ab'), 'num_classes=3, the training data have 2'),
        (dict(num_classes=3, val='ab'), 'num_classes=3, the validation data have 2'),
        (dict(train='abc', val='bc'), r"3 classes .* 2 .* index 0 on.\ntraining: \['a', 'b', 'c'\]\nvalidation: \['b'"),
        (dict(num_classes=3, train='abc', val='acb'), 'differ from index 1 on'),
        (dict(train='abc', val='ab'), 'differ from index 2 on'),
    ],
)
def test_what_does_not_fit_stops_a_training(classes, message):
    with pytest.raises(ValueError, match=message):
        ClassCheckHook().before_train(runner_of(**classes))


def test_a_validation_and_a_test_are_stopped_too():
    with pytest.raises(ValueError, match='num_classes=3, the validation data have 2'):
        ClassCheckHook().before_val(runner_of(3, val='ab'))
    with pytest.raises(ValueError, match='num_classes=3, the test data have 2'):
        ClassCheckHook().before_test(runner_of(3, test='ab'))


DIMS = 6
NAMES = ['whistle', 'c', 'a', 'horn', 'b']  # not in the order of any data set
VECTORS = np.random.default_rng(0).normal(size=(len(NAMES), DIMS)).astype(np.float32)
INPUTS = ragged_batch(dict.fromkeys(STREAMS, 5), [20, 7], noise=1.0, dtype=torch.float32)


@DATASETS.register_module(force=True)
class NamedDataset(TinyDataset):
    def __init__(self, classes):
        self.metainfo = dict(classes=classes)


def text_config(work_dir, file, class_aware=False, **kwargs):
    """DEL at a small width, whose head knows the classes by their names."""
    hooks = [dict(type='mmdel.CheckpointCheckHook'), dict(type='mmdel.ClassCheckHook', embeddings=file)]
    cfg = del_config(work_dir, [dict(type='EMAHook', momentum=0.1), *hooks], max_epochs=1, **kwargs)
    del cfg.default_hooks['contrast']
    cfg.model.head.update(class_aware=class_aware, classifier=dict(type='mmdel.TextClassifier', embed_dims=DIMS))
    return cfg


def load_to_test(work_dir, file, checkpoint, classes, **kwargs):
    """A runner at the beginning of a test of these classes."""
    cfg = text_config(work_dir, file, load_from=str(checkpoint), **kwargs)
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'):
        cfg.pop(key)
    cfg.model.head.num_classes = len(classes)
    cfg.test_dataloader = dict(
        dataset=dict(type='NamedDataset', classes=classes), batch_size=1, sampler=dict(type='DefaultSampler')
    )
    cfg.update(test_cfg=dict(), test_evaluator=[])
    runner = Runner.from_cfg(cfg)
    runner._test_loop = runner.build_test_loop(runner._test_loop)
    runner.call_hook('before_run')
    runner.load_or_resume()
    runner.call_hook('before_test')
    return runner


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp('names') / 'names.npz'
    np.savez(path, names=NAMES, embeddings=VECTORS)
    return str(path)


@pytest.fixture(scope='module')
def trained(file, tmp_path_factory):
    """A checkpoint of the classes a, b and c, and its model."""
    work_dir = tmp_path_factory.mktemp('text')
    _, recorder = run(text_config(work_dir, file))
    assert all(np.isfinite(step['loss_cls']) for step in recorder.history)
    return work_dir / 'epoch_1.pth'


def said(work_dir):
    """What the logs of all runs there say."""
    return '\n'.join(path.read_text() for path in work_dir.glob('*/*.log'))


@torch.no_grad()
def logits_of(model):
    return model.cpu().eval()(INPUTS)[0]


def test_a_test_is_of_classes_that_were_not_trained(trained, file, tmp_path):
    saved = torch.load(trained, map_location='cpu')['state_dict'][PART]
    rows = [NAMES.index(name) for name in 'abc']
    torch.testing.assert_close(saved, torch.from_numpy(VECTORS / np.linalg.norm(VECTORS, axis=1)[:, None])[rows])
    before = load_to_test(tmp_path, None, trained, 'abc').model
    assert 'exchanged' not in said(tmp_path)
    after = load_to_test(tmp_path, file, trained, ['horn', 'c', 'whistle', 'a']).model
    assert 'its 3 classes are exchanged for 4: horn, c, whistle, a' in said(tmp_path)
    old, new = logits_of(before), logits_of(after)
    torch.testing.assert_close(new[..., [3, 1]], old[..., [0, 2]])
    tower = after.head.cls_tower
    tower.embeddings[:2] = tower.embeddings[[2, 0]]  # whistle, horn, whistle, a
    torch.testing.assert_close(logits_of(after)[..., :2], new[..., [2, 0]])
    assert (new[..., 0] - new[..., 2]).abs().max() > 0.1


def test_other_embeddings_of_the_same_classes_are_told(trained, file, tmp_path):
    load_to_test(tmp_path, file, trained, 'abc')
    assert 'exchanged' not in said(tmp_path)
    other = str(tmp_path / 'other.npz')
    np.savez(other, names=NAMES, embeddings=-VECTORS)
    model = load_to_test(tmp_path, other, trained, 'abc').model
    assert f'checkpoint {trained}: its embeddings of the classes are exchanged for others' in said(tmp_path)
    torch.testing.assert_close(model.head.cls_tower.embeddings, -torch.load(trained)['state_dict'][PART])


def test_what_cannot_be_exchanged_is_refused(trained, file, tmp_path):
    with pytest.raises(UserInputError, match=r'classes of the checkpoint are not those of the data, from number 0'):
        load_to_test(tmp_path, None, trained, 'bac')
    with pytest.raises(UserInputError, match=r'names\.npz lack 1 of the 3 classes: dog'):
        load_to_test(tmp_path, file, trained, ['a', 'dog', 'c'])
    with pytest.raises(UserInputError, match=rf'{trained}: the classes cannot be exchanged .* head\.regressor learned'):
        load_to_test(tmp_path, file, trained, 'bac', class_aware=True)


def test_a_training_needs_the_embeddings_and_a_part_that_reads_them(file, tmp_path):
    with pytest.raises(UserInputError, match=r'classes: default_hooks\.classes\.embeddings names'):
        run(text_config(tmp_path, None))
    cfg = text_config(tmp_path, file)
    del cfg.model.head['classifier']
    with pytest.raises(UserInputError, match='the model has no part that reads them'):
        run(cfg)
