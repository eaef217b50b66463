from types import SimpleNamespace

import pytest
from torch import nn

from mmdel.engine.hooks import ClassCheckHook


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
