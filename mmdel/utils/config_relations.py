"""What two places of a config say of one thing must agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from mmdel.utils.config_values import is_known_constructor
from mmdel.utils.errors import UserInputError
from mmdel.utils.log import silence
from mmdel.utils.names import nearest

GROUPS = (
    ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    ('val_dataloader', 'val_cfg', 'val_evaluator'),
    ('test_dataloader', 'test_cfg', 'test_evaluator'),
)


def check_relations(cfg: Mapping[str, Any]) -> None:
    """Widths and numbers of levels and classes of model and data.

    Raises:
        UserInputError: With both places and what they say.
    """
    model = cfg.get('model') or {}
    _check_wrapper(cfg)
    for loader, dataset in _data_sets(cfg):
        _check_streams(model, loader, dataset)
        _check_classes(model, loader, dataset)
    num_levels = get(model, 'backbone', 'num_levels')
    ranges = get(model, 'head', 'point_generator', 'regress_ranges')
    if num_levels is not None and ranges is not None and num_levels != len(ranges):
        raise UserInputError(
            f'model.backbone.num_levels is {num_levels}, and model.head.point_generator.regress_ranges has '
            f'{len(ranges)}: each level needs its own range'
        )


def require_groups(cfg: Mapping[str, Any]) -> None:
    """A training, a validation and a test are there as a whole or not at all.

    Raises:
        UserInputError: With the keys that are missing.
    """
    if not cfg.get('model'):
        raise UserInputError(f'model is {cfg.get("model")!r}, expected a dict of a model')
    for group in GROUPS:
        missing = [key for key in group if cfg.get(key) is None]
        if 0 < len(missing) < len(group):
            given = ', '.join(key for key in group if key not in missing)
            raise UserInputError(f'{", ".join(missing)} is missing, but there is {given}: give all of them, or none')
        for key in ('dataset', 'sampler'):
            if cfg.get(group[0]) is not None and (key not in cfg[group[0]] or cfg[group[0]].get('dataset') is None):
                raise UserInputError(f'{group[0]}.{key} is missing: there is no loader without')
    wrapper = cfg.get('optim_wrapper') or {}
    if (
        cfg.get('optim_wrapper') is not None
        and is_known_constructor(wrapper.get('constructor'))
        and wrapper.get('optimizer') is None
    ):
        raise UserInputError('optim_wrapper.optimizer is missing: there is no training without')


def _check_wrapper(cfg: Mapping[str, Any]) -> None:
    """Several processes have the whole model each."""
    for key in ('model_wrapper_cfg', 'strategy'):
        kind = str(get(cfg, key, 'type') or '')
        if any(name in kind for name in ('FullySharded', 'FSDP', 'DeepSpeed', 'ColossalAI')):
            raise UserInputError(
                f'{key}.type is {kind}, and models are not sharded here: the contrastive loss, the moving average and '
                f'the checkpoints need all weights in one place. Leave {key} out: several GPUs train with '
                'DistributedDataParallel'
            )


def _data_sets(cfg: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The data sets in the loaders, mmengine's wrappers opened, by their places."""

    def opened(path: str, options: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        if isinstance(options, Mapping):
            if isinstance(options.get('dataset'), Mapping):
                yield from opened(f'{path}.dataset', options['dataset'])
            elif isinstance(options.get('datasets'), list | tuple):
                for index, inner in enumerate(options['datasets']):
                    yield from opened(f'{path}.datasets.{index}', inner)
            else:
                yield path, options

    for split in ('train', 'val', 'test'):
        yield from opened(f'{split}_dataloader.dataset', get(cfg, f'{split}_dataloader', 'dataset'))


def _check_streams(model: Mapping[str, Any], path: str, dataset: Mapping[str, Any]) -> None:
    """The streams that the model reads are there, and as wide as it expects."""
    streams = dataset.get('streams')
    if not isinstance(streams, Mapping):
        return
    widths = get(model, 'backbone', 'in_channels')
    widths = widths if isinstance(widths, Mapping) else {}
    places = {
        'model.backbone.streams': get(model, 'backbone', 'streams'),
        'model.streams': model.get('streams'),
        'model.backbone.in_channels': widths,
        f'{path}.streams': streams,
    }
    where, read = next((place, list(names)) for place, names in places.items() if names)
    for name in read:
        if name not in streams:
            raise UserInputError(
                f'{where} names {name!r}, and {path}.streams has {", ".join(streams)} only'
                f'{nearest(name, streams.keys())}'
            )
        given = get(streams[name], 'channels')
        if None not in (given, widths.get(name)) and widths[name] != given:
            raise UserInputError(
                f'model.backbone.in_channels.{name} is {widths[name]}, and {path}.streams.{name}.channels is {given}'
            )
    width, channels = get(model, 'localizer', 'feat_dim'), [get(streams[name], 'channels') for name in read]
    if width is not None and not model.get('backbone') and None not in channels and width != sum(channels):
        raise UserInputError(
            f'model.localizer.feat_dim is {width}, and the channels of {path}.streams ({", ".join(read)}) are '
            f'{sum(channels)} together'
        )


def _check_classes(model: Mapping[str, Any], path: str, dataset: Mapping[str, Any]) -> None:
    """The head tells as many classes apart as the data have; one stands for events of any."""
    num_classes = get(model, 'head', 'num_classes')
    if not isinstance(num_classes, int) or num_classes == 1:
        return
    classes = dataset.get('classes')
    for key, given in (('num_classes', dataset.get('num_classes')), ('classes', classes and len(classes))):
        if given is not None and given != num_classes:
            number = 'is' if key == 'num_classes' else 'names'
            raise UserInputError(f'model.head.num_classes is {num_classes}, and {path}.{key} {number} {given}')


def check_monitored(cfg: Mapping[str, Any], metrics: list[Any]) -> None:
    """The measures by which hooks pick the best are among those of the validation.

    Args:
        cfg: The config.
        metrics: The metrics of its validation.

    Raises:
        UserInputError: With the key, and the measures that there are.
    """
    named = [(f'default_hooks.{name}', hook) for name, hook in (cfg.get('default_hooks') or {}).items()]
    named += [(f'custom_hooks.{index}', hook) for index, hook in enumerate(cfg.get('custom_hooks') or ())]
    wanted = [
        (f'{path}.{key}', name)
        for path, hook in named
        for key in ('save_best', 'monitor')
        for name in _as_list(get(hook, key))
        if name != 'auto'
    ]
    measures = measures_of(metrics) if wanted else set()
    for path, name in wanted if measures else ():
        if name not in measures:
            raise UserInputError(
                f'{path} is {name!r}, but val_evaluator gives {", ".join(sorted(measures))}{nearest(name, measures)}'
            )


def measures_of(metrics: list[Any]) -> set[str]:
    """The names of what metrics measure, learned from a made-up video; empty where one does not take it."""
    names: set[str] = set()
    events = dict(segments_sec=torch.tensor([[1.0, 2.0]]), labels=torch.tensor([0]))
    sample = dict(
        video_id='video',
        duration_sec=4.0,
        eval_instances=dict(events, ignored=torch.tensor([False])),
        pred_instances=dict(events, scores=torch.tensor([0.5])),
    )
    try:
        with silence():
            for metric in metrics:
                metric.dataset_meta = dict(classes=('event',))
                metric.process(None, [sample])
                prefix = f'{metric.prefix}/' if metric.prefix else ''
                names |= {prefix + name for name in metric.compute_metrics(metric.results)}
    except Exception:  # a metric of other samples
        return set()
    return names


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def get(node: Any, *keys: str) -> Any:
    """The value at a path, or None."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
