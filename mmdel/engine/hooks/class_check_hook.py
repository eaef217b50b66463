"""A model and its data sets mean the same classes."""

from __future__ import annotations

from itertools import zip_longest

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmdel.registry import HOOKS
from mmdel.utils.errors import UserInputError


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Stops a training, validation or test whose classes do not fit.

    Compared are ``model.head.num_classes`` with the classes of the data set in use, and before a training those of its
    data with those of its validation. Passed over are models without a head and data sets that name no classes, and
    heads of one class, which may stand for all events.

    Raises:
        UserInputError: If there is another number of classes, naming both, or if they have other names or another
            order, naming both lists and the first place where they differ.
    """

    def before_train(self, runner: Runner) -> None:
        train = _classes(runner.train_dataloader)
        _check_head(runner, 'training', train)
        if runner.val_loop is None:
            return
        self.before_val(runner)
        val = _classes(runner.val_dataloader)
        if train and val and train != val:
            place = next(index for index, (a, b) in enumerate(zip_longest(train, val)) if a != b)
            raise UserInputError(
                f'the {len(train)} classes of the training data are not the {len(val)} of the validation data; they '
                f'differ from index {place} on.\ntraining: {train}\nvalidation: {val}'
            )

    def before_val(self, runner: Runner) -> None:
        _check_head(runner, 'validation', _classes(runner.val_dataloader))

    def before_test(self, runner: Runner) -> None:
        _check_head(runner, 'test', _classes(runner.test_dataloader))


def _classes(loader: DataLoader) -> list[str]:
    return list(getattr(loader.dataset, 'metainfo', {}).get('classes') or ())


def _check_head(runner: Runner, split: str, classes: list[str]) -> None:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    num_classes = getattr(getattr(model, 'head', None), 'num_classes', 1)
    if classes and num_classes not in (1, len(classes)):
        raise UserInputError(f'the head has num_classes={num_classes}, the {split} data have {len(classes)} classes')
