"""The data sets that a config names: found, or built, for all that read a config's data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import DATASETS

from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.synthetic import DemoEventDataset
from mmdel.events.labels import unused_name
from mmdel.registry import MODELS
from mmdel.utils.checkpoints import describe_difference
from mmdel.utils.class_embeddings import embeddings_file
from mmdel.utils.config_build import UNREAD
from mmdel.utils.derived import build_derived
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import canonical_subset

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class DatasetUse:
    """One data set in one loader.

    Attributes:
        split: ``train``, ``val`` or ``test``: the loader.
        key: Where the config holds the data set, e.g. ``train_dataloader.dataset``.
        dataset: The data set, which has no pipeline and has read nothing yet. Places that name the same share it.
    """

    split: str
    key: str
    dataset: EventDataset

    @property
    def subsets(self) -> frozenset[str]:
        """The subsets it reads, each by its one name."""
        return frozenset(map(canonical_subset, self.dataset.subsets))


def find_uses(cfg: Config, splits: Sequence[str] = SPLITS) -> list[DatasetUse]:
    """Every :class:`EventDataset` of a config's loaders, those in mmengine's wrappers included.

    Demo data are made if they are not there.

    Raises:
        UserInputError: If there is none, or one is configured wrongly.
    """
    uses: list[DatasetUse] = []
    seen: list[tuple[dict, EventDataset | None]] = []
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope')):
        for split in splits:
            loader = cfg.get(f'{split}_dataloader') or {}
            for key, options in _leaves(loader.get('dataset'), f'{split}_dataloader.dataset'):
                options = {**options, **UNREAD}
                if not any(options == other for other, _ in seen):
                    seen.append((options, _find(options, key)))
                dataset = next(dataset for other, dataset in seen if options == other)
                if dataset is not None:
                    uses.append(DatasetUse(split, key, dataset))
    if not uses:
        wanted = ', '.join(f'{split}_dataloader' for split in splits)
        raise UserInputError(f'the config names no mmdel.EventDataset in its loaders ({wanted})')
    for use in uses:
        if isinstance(use.dataset, DemoEventDataset):
            use.dataset.make()
    return uses


def find_truth(cfg: Config) -> EventDataset:
    """The data set of a config's test loader, unread, for its truth: features need not be there.

    With ``missing='skip'`` it leaves the videos without features out, as it does in a test.

    Raises:
        UserInputError: If there is none, or several.
    """
    uses = find_uses(cfg, ('test',))
    if len(uses) > 1:
        raise UserInputError(f'the test_dataloader of the config has {len(uses)} data sets, expected one')
    dataset = uses[0].dataset
    if dataset.missing == 'error':
        dataset.missing = 'ignore'
    return dataset


def find_unread(cfg: Config, split: str) -> tuple[dict, EventDataset]:
    """The one data set of a loader: its config, with the pipeline, and itself, of which nothing is read or made.

    Raises:
        UserInputError: If there is none, or several, or it is no ``EventDataset``.
    """
    loader, key = cfg.get(f'{split}_dataloader') or {}, f'{split}_dataloader.dataset'
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope')):
        leaves = list(_leaves(loader.get('dataset'), key))
        options, dataset = (leaves[0][1], _find({**leaves[0][1], **UNREAD}, key)) if len(leaves) == 1 else ({}, None)
    if dataset is None:
        raise UserInputError(f'the config needs one mmdel.EventDataset in its {split}_dataloader')
    return dict(options), dataset


def build_datasets(cfg: Config, *splits: str) -> dict[str, Any]:
    """The data sets of these loaders, of any class, ready for use: ``train_dataloader`` → data set.

    Raises:
        UserInputError: What a data set says about files that are missing or wrong.
    """
    built = {}
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope')):
        for name in (f'{split}_dataloader' for split in splits):
            if cfg.get(name) is not None:
                built[name] = DATASETS.build(cfg[name].dataset)
                if hasattr(built[name], 'full_init'):
                    built[name].full_init()
    return built


def build_test_data(cfg: Config, known: Sequence[str]) -> dict[str, Any]:
    """As ``build_datasets(cfg, 'test')``, with the labels numbered as the outputs of a model.

    Where the data name no classes they take the model's. A model of one class, which finds events of any, and one whose
    classes are not known or exchanged for those of the data, leave the data as they are.

    Args:
        cfg: The config.
        known: The classes of the model in the order of its outputs; none if that is not known.

    Raises:
        UserInputError: As :func:`build_datasets`; if the data have a class that the model does not know, naming both
            lists and where they differ first.
    """
    built = build_datasets(cfg, 'test')
    known, own = list(known), list(getattr(built.get('test_dataloader'), 'metainfo', {}).get('classes') or ())
    named = [name for place, name in enumerate(own) if name != unused_name(place)]
    if not known or own == known or (named and (num_outputs(cfg) is None or embeddings_file(cfg))):
        return built
    if not set(named) <= set(known):
        raise UserInputError(describe_difference(known, own))
    loader = deepcopy(cfg.test_dataloader)
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope')):
        for key, options in _leaves(loader.dataset, 'test_dataloader.dataset'):
            if _find({**options, **UNREAD}, key) is not None:
                options['classes'] = known
    print_log(f'The classes are numbered as in the checkpoint: {", ".join(known)}', logger='current')
    return build_datasets(Config(dict(default_scope=cfg.get('default_scope'), test_dataloader=loader)), 'test')


def num_outputs(cfg: Config) -> int | None:
    """How many classes the model's head tells apart; None if the config does not say, or if it finds proposals."""
    head = (cfg.get('model') or {}).get('head') or {}
    number = head.get('num_classes')
    return number if isinstance(number, int) and number > 1 else None


def build_head(cfg: Config) -> Any:
    """The head of a config's model, alone, to ask for its settings; None of a model whose head has no points.

    Raises:
        UserInputError: If it cannot be built.
    """
    head = (cfg.get('model') or {}).get('head') or {}
    if 'point_generator' not in head:
        return None
    try:
        with MODELS.switch_scope_and_registry(cfg.get('default_scope')):
            return build_derived(MODELS, 'model.head', head, in_channels=head.get('in_channels', 1))
    except (KeyError, TypeError, ValueError) as error:
        raise UserInputError(f'model.head of the config cannot be built: {error}') from error


def _leaves(options: dict | None, key: str) -> Iterator[tuple[str, dict]]:
    """The data sets inside mmengine's wrappers, each with its place in the config."""
    if not options:
        return
    if isinstance(options.get('datasets'), (list, tuple)):
        for index, inner in enumerate(options['datasets']):
            yield from _leaves(inner, f'{key}.datasets.{index}')
    elif isinstance(options.get('dataset'), dict):
        yield from _leaves(options['dataset'], f'{key}.dataset')
    else:
        yield key, options


def _find(options: dict, key: str) -> EventDataset | None:
    """The data set of these options; None if it is none of ours."""
    try:
        kind = options['type']
        kind = DATASETS.get(kind) if isinstance(kind, str) else kind
        if not (isinstance(kind, type) and issubclass(kind, EventDataset)):
            return None
        return kind(**{name: value for name, value in options.items() if name != 'type'})
    except (KeyError, TypeError, ValueError) as error:
        raise UserInputError(f'{key} of the config is no data set: {error}') from error
