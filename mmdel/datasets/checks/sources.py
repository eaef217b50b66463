"""Which data sets a config names, where in it, and which of its loaders read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS

from mmdel.datasets.annotation_file import canonical_subset
from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.synthetic import DemoEventDataset, ensure_demo_data
from mmdel.utils.errors import UserInputError

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class DatasetUse:
    """One data set in one loader.

    Attributes:
        split: ``train``, ``val`` or ``test``: the loader.
        key: Where the config holds the data set, e.g. ``train_dataloader.dataset``.
        dataset: The data set, which has read nothing yet.
    """

    split: str
    key: str
    dataset: EventDataset

    @property
    def subsets(self) -> frozenset[str]:
        """The subsets it reads, each by its one name."""
        return frozenset(map(canonical_subset, self.dataset.subsets))


def find_uses(cfg: Config) -> list[DatasetUse]:
    """Every :class:`EventDataset` of a config's loaders, those in mmengine's wrappers included.

    Demo data are made if they are not there.

    Raises:
        UserInputError: If there is none, or one is configured wrongly.
    """
    uses = []
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope')):
        for split in SPLITS:
            loader = cfg.get(f'{split}_dataloader') or {}
            if loader.get('dataset'):
                uses += [
                    DatasetUse(split, key, dataset)
                    for key, options in _leaves(loader['dataset'], f'{split}_dataloader.dataset')
                    if (dataset := _build(options, key)) is not None
                ]
    if not uses:
        wanted = ', '.join(f'{split}_dataloader' for split in SPLITS)
        raise UserInputError(f'the config names no mmdel.EventDataset in its loaders ({wanted}): nothing to check')
    for folder in {Path(use.dataset.ann_file).parent for use in uses if isinstance(use.dataset, DemoEventDataset)}:
        ensure_demo_data(folder)
    return uses


def num_outputs(cfg: Config) -> int | None:
    """How many classes the model's head tells apart; None if the config does not say, or if it finds proposals."""
    head = (cfg.get('model') or {}).get('head') or {}
    number = head.get('num_classes')
    return number if isinstance(number, int) and number > 1 else None


def _leaves(options: dict, key: str) -> Iterator[tuple[str, dict]]:
    """The data sets inside mmengine's wrappers, each with its place in the config."""
    if isinstance(options.get('datasets'), (list, tuple)):
        for index, inner in enumerate(options['datasets']):
            yield from _leaves(inner, f'{key}.datasets.{index}')
    elif isinstance(options.get('dataset'), dict):
        yield from _leaves(options['dataset'], f'{key}.dataset')
    else:
        yield key, options


def _build(options: dict, key: str) -> EventDataset | None:
    """The data set of a config, without its pipeline and before it reads anything; None if it is none of ours."""
    try:
        kind = options['type']
        kind = DATASETS.get(kind) if isinstance(kind, str) else kind
        if not (isinstance(kind, type) and issubclass(kind, EventDataset)):
            return None
        return kind(
            **{**{name: value for name, value in options.items() if name != 'type'}, 'pipeline': [], 'lazy_init': True}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserInputError(f'{key} of the config is no data set: {error}') from error
