"""A model and its data sets mean the same classes."""

from __future__ import annotations

from itertools import zip_longest

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from mmdel.registry import HOOKS
from mmdel.utils.class_embeddings import PART, embeddings_of, exchange_classes
from mmdel.utils.errors import UserInputError
from mmdel.utils.log import warn
from mmdel.utils.runner_state import bare_model, classes_in_use, classes_of, is_training


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Stops a training, validation or test whose classes do not fit, and gives a ``TextClassifier`` their embeddings.

    Compared are ``model.head.num_classes`` with the classes of the data set in use, and before a training those of its
    data with those of its validation. Passed over are models without a head and data sets that name no classes, and
    heads of one class, which may stand for all events.

    Embeddings are given by the names of the classes, in the order of the data set in use. A checkpoint's then give way
    to them, and where no part of the model has learned something for each class, so do its classes: a test may be of
    classes that were not trained. A warning says so.

    Args:
        embeddings: Path of an ``.npz`` file, see :func:`~mmdel.utils.class_embeddings.read_class_embeddings`. None
            leaves a model the embeddings of its checkpoint.

    Raises:
        UserInputError: If there is another number of classes, naming both, or if they have other names or another
            order, naming both lists and the first place where they differ; if the file lacks one of them; if a
            ``TextClassifier`` is to be trained without a file, or there is a file and no such part.
    """

    priority = 'HIGHEST'  # before CheckpointCheckHook compares a checkpoint

    def __init__(self, embeddings: str | None = None) -> None:
        self.embeddings = embeddings

    def check_model(self, model: nn.Module) -> None:
        """Called with the model of the config, before anything is read."""
        if self.embeddings is not None and not _has_embeddings(model):
            raise UserInputError(
                f'embeddings is {self.embeddings}, and the model has no part that reads them: '
                "model.head.classifier=dict(type='mmdel.TextClassifier', embed_dims=…)"
            )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Exchanges its embeddings and classes for those of the data in use."""
        model, classes = bare_model(runner.model), classes_in_use(runner)
        if self.embeddings is None or not classes:
            return
        try:
            said = exchange_classes(checkpoint, model, classes, self._embeddings_of(model, classes))
        except UserInputError as error:
            if not is_training(runner):
                raise UserInputError(f'checkpoint {runner._load_from}: {error}') from error
            said = str(error)
        if said:
            warn(f'checkpoint {runner._load_from}: {said}')

    def before_train(self, runner: Runner) -> None:
        """Compares the classes of training and validation with the model, and with one another."""
        if self.embeddings is None and _has_embeddings(bare_model(runner.model)):
            raise UserInputError(
                'model.head.classifier needs the embeddings of the classes: default_hooks.classes.embeddings names '
                'their file'
            )
        train = classes_of(runner.train_dataloader)
        self._prepare(runner, 'training', train)
        if runner.val_loop is None:
            return
        self.before_val(runner)
        val = classes_of(runner.val_dataloader)
        if train and val and train != val:
            place = next(index for index, (a, b) in enumerate(zip_longest(train, val)) if a != b)
            raise UserInputError(
                f'the {len(train)} classes of the training data are not the {len(val)} of the validation data; they '
                f'differ from index {place} on.\ntraining: {train}\nvalidation: {val}'
            )

    def before_val(self, runner: Runner) -> None:
        """Compares the classes of the validation with the model."""
        self._prepare(runner, 'validation', classes_of(runner.val_dataloader))

    def before_test(self, runner: Runner) -> None:
        """Compares the classes of the test with the model."""
        self._prepare(runner, 'test', classes_of(runner.test_dataloader))

    def _prepare(self, runner: Runner, split: str, classes: list[str]) -> None:
        """Compares the classes of a data set with the model, and gives it their embeddings."""
        model = bare_model(runner.model)
        num_classes = getattr(getattr(model, 'head', None), 'num_classes', 1)
        if classes and num_classes not in (1, len(classes)):
            raise UserInputError(
                f'the head has num_classes={num_classes}, the {split} data have {len(classes)} classes'
            )
        if self.embeddings is not None and classes:
            embeddings = self._embeddings_of(model, classes)
            model.get_buffer(PART).copy_(embeddings)

    def _embeddings_of(self, model: nn.Module, classes: list[str]) -> Tensor:
        """Those (C, E) that a model gets."""
        assert self.embeddings is not None
        self.check_model(model)
        num_classes, num_dims = model.get_buffer(PART).shape
        if num_classes != len(classes):
            raise UserInputError(f'the head has num_classes={num_classes}, the data have {len(classes)} classes')
        return embeddings_of(classes, self.embeddings, num_dims)


def _has_embeddings(model: nn.Module) -> bool:
    return PART in dict(model.named_buffers())
