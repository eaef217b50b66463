"""A bundle of a config and its checkpoint."""

from __future__ import annotations

import datetime
import math
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.from_config import find_unread
from mmdel.datasets.transforms.cropping import RandomTemporalCrop
from mmdel.datasets.transforms.shaping import Shaping
from mmdel.inference.bundle import Bundle
from mmdel.inference.feature_folder import extractors_of, read_streams, require_same_streams
from mmdel.inference.model_rules import known_types
from mmdel.inference.weights import require_finite, require_fit
from mmdel.registry import MODELS, TASK_UTILS, TRANSFORMS
from mmdel.runtime.bundle_rules import FILE_NAME, GRID_TYPES
from mmdel.structures import StreamBatch
from mmdel.utils.checkpoints import checkpoint_classes, read_checkpoint
from mmdel.utils.class_embeddings import PART, read_class_embeddings, require_exchangeable
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import digest

INFINITY = 1e30  # in the place of what JSON has no number for
DEFAULT_SCORE = 0.1
DEFAULT_WINDOW = 2048
MAX_HALF_DIFFERENCE = 1e-3
PLAIN_TYPES = ('LoadFeatures', 'PackEvents')  # of a test pipeline, whose work the inferencer does


def make_bundle(
    cfg: Config,
    checkpoint: str,
    features: str | None = None,
    licence: str = '',
) -> Bundle:
    """The bundle of a config's model with the weights that a test uses.

    Args:
        cfg: The config.
        checkpoint: Path of the checkpoint.
        features: A folder that ``mmdel extract`` has written, whose extractors the bundle gets; None: the folders of
            the config's streams. Where they do not say, the bundle has no extractors.
        licence: Of the weights, a text.

    Raises:
        UserInputError: If the config has what a bundle cannot hold, the checkpoint does not fit it, or the extractors
            are not those of the streams.
    """
    where = f'{cfg.filename or "the config"} as a bundle'
    content = read_checkpoint(checkpoint)
    weights = _tensors(content.get('state_dict', content))
    require_finite(weights, checkpoint)
    model = _plain(cfg.model.to_dict(), 'model', known_types(MODELS, TASK_UTILS))
    if (model.get('head') or {}).get('video_score_topk') is not None:
        raise UserInputError(f'{where}: model.head.video_score_topk needs class scores of whole videos, from elsewhere')
    options, dataset = find_unread(cfg, 'test')
    streams, files = _streams(dataset, features, where)
    grid = _grid(options.get('pipeline') or (), streams, where)
    if not model.get('test_cfg') and len(grid) == 1:
        model['test_cfg'] = dict(window=_window(cfg, model))
    require_fit(model, {name: tuple(value.shape) for name, value in weights.items()}, checkpoint)
    return Bundle(
        model,
        _classes(content, model, checkpoint),
        streams,
        grid,
        weights,
        dict(score=DEFAULT_SCORE),
        files,
        _provenance(cfg, content, checkpoint, licence),
        digest(checkpoint),
    )


def with_classes(bundle: Bundle, embeddings: str | os.PathLike) -> Bundle:
    """A bundle that finds events of other classes, which its ``TextClassifier`` knows by their names.

    Args:
        bundle: The bundle.
        embeddings: A file, see :func:`~mmdel.utils.class_embeddings.read_class_embeddings`: all of its classes, in its
            order, take the place of the bundle's.

    Raises:
        UserInputError: If the bundle has no such part, has learned something for each class, or the file does not suit.
    """
    if PART not in bundle.weights:
        raise UserInputError(f'the model has no mmdel.TextClassifier, which {embeddings} would be for')
    known = read_class_embeddings(embeddings, bundle.weights[PART].shape[1])
    classes, values = tuple(known), torch.stack([*known.values()])
    require_exchangeable(bundle.build_model())
    model = {**bundle.model, 'head': {**bundle.model['head'], 'num_classes': len(classes)}}
    weights, provenance = {**bundle.weights, PART: values}, {**bundle.provenance, 'metrics': {}}
    return replace(bundle, model=model, classes=classes, weights=weights, provenance=provenance)


def half_difference(bundle: Bundle) -> float:
    """How far a score or a relative time of the model moves by weights in half precision, on random features."""
    halved = {
        name: value.half().float() if value.is_floating_point() else value for name, value in bundle.weights.items()
    }
    outputs = []
    for weights in (bundle.weights, halved):
        model = bundle.build_model()
        model.load_state_dict(weights)
        generator = torch.Generator().manual_seed(0)
        streams = {
            name: torch.randn(4, 256, stream['channels'], generator=generator)
            for name, stream in bundle.streams.items()
        }
        with torch.no_grad():
            outputs.append(model(StreamBatch(streams, torch.ones(4, 256, dtype=torch.bool))))
    (logits, offsets), (half_logits, half_offsets) = outputs
    scores = (logits.sigmoid() - half_logits.sigmoid()).abs().max()
    times = ((offsets - half_offsets).abs() / offsets.clamp(min=1.0)).mean()
    return float(max(scores, times))


def find_run(folder: str | os.PathLike) -> tuple[Path, Path]:
    """The config and the checkpoint of a training's work directory: the best one if there is one, else the last.

    Raises:
        UserInputError: If there is not one config, or no checkpoint.
    """
    folder = Path(folder)
    configs = sorted(folder.glob('*.py'))
    if len(configs) != 1:
        found = ', '.join(path.name for path in configs) or 'none'
        raise UserInputError(f'{folder} should hold the one config of a training, and holds {found}: name it')
    best, note = sorted(folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime), folder / 'last_checkpoint'
    last = [folder / Path(note.read_text(encoding='utf-8').strip()).name] if note.is_file() else []
    checkpoints = [path for path in (*best[-1:], *last, *sorted(folder.glob('*.pth'))) if path.is_file()]
    if not checkpoints:
        raise UserInputError(f'{folder} holds no checkpoint: name one behind the config')
    return configs[0], checkpoints[0]


def _tensors(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    found = {name.removeprefix('module.'): value for name, value in weights.items() if isinstance(value, Tensor)}
    return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}


def _plain(value: Any, place: str, types: Mapping[str, type]) -> Any:
    """A config as JSON: types by their full names, no instructions for mmengine, no infinity.

    Raises:
        UserInputError: If a type is not one of mmdel's, or a value is no plain one.
    """
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if key not in ('init_cfg', '_scope_')}
        plain = {str(key): _plain(item, f'{place}.{key}', types) for key, item in kept.items() if key != 'type'}
        return {**_full_type(value, place, types), **plain}
    if isinstance(value, list | tuple):
        return [_plain(item, f'{place}.{index}', types) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return math.copysign(INFINITY, value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UserInputError(f'{place} is {value!r}, which a bundle cannot hold: it holds plain data')


def _full_type(options: Mapping[str, Any], place: str, types: Mapping[str, type]) -> dict[str, str]:
    """``type`` as ``mmdel.X``, as the first key."""
    if 'type' not in options:
        return {}
    kind = options['type']
    if isinstance(kind, type):
        names = [name for name, part in types.items() if part is kind]
    else:
        name = str(kind) if str(kind).startswith('mmdel.') else f'mmdel.{kind}'
        names = [name] if name in types else []
    if not names:
        raise UserInputError(f'{place}.type is {kind!r}: a bundle holds parts of mmdel alone, since it runs no code')
    return dict(type=names[0])


def _streams(dataset: EventDataset, features: str | None, where: str) -> tuple[dict[str, Any], dict[str, Path]]:
    """The streams of a data set as a bundle has them, and the files of their extractors by name."""
    streams: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for name, stream in dataset.streams.items():
        if stream.get('resized') or not all(stream.get(key) for key in ('stride', 'window', 'fps', 'channels')):
            raise UserInputError(
                f'{where}: stream {name!r} must have stride, window, fps and channels, and not be resized, so that '
                'features can be made for it'
            )
        grid = {key: stream[key] for key in ('stride', 'window', 'fps', 'channels')}
        if features is not None:
            require_same_streams({name: grid}, features, where)
            extractors = read_streams(features)[name]['extractors']
        else:
            extractors = extractors_of(stream, dataset.data_root)
        streams[name] = dict(extractors=[_with_names(item, files) for item in extractors], **grid)
    return streams, files


def _with_names(value: Any, files: dict[str, Path]) -> Any:
    """A config of an extractor in which paths of files are names in the bundle; the files join ``files``."""
    if isinstance(value, Mapping):
        return {key: item if key == 'type' else _with_names(item, files) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_names(item, files) for item in value]
    if not isinstance(value, str) or not os.path.isfile(value):
        return value
    path, name = Path(value), Path(value).name
    if not FILE_NAME.fullmatch(name) or files.get(name, path) != path:
        raise UserInputError(f'{path}: the files of extractors need plain names, each of its own, in a bundle')
    files[name] = path
    return name


def _grid(pipeline: Iterable[Mapping[str, Any]], streams: Mapping[str, Any], where: str) -> tuple[dict, ...]:
    """The steps of a test's pipeline that put streams on one grid."""
    types = known_types(TRANSFORMS)
    found = {}
    for step in pipeline:
        kind = _full_type(step, f'{where}, pipeline', types)['type']
        if kind in GRID_TYPES:
            found[kind] = {key: value for key, value in step.items() if key != 'type' and not key.startswith('_')}
        elif kind.removeprefix('mmdel.') not in PLAIN_TYPES:
            raise UserInputError(f'{where}: the pipeline of the test has {kind}, which only a test can do')
    align = found.setdefault(GRID_TYPES[0], {})
    reference = Shaping.of([dict(type=GRID_TYPES[0], **align)]).reference(streams)
    found[GRID_TYPES[0]] = dict(reference=reference, mode=align.get('mode', 'linear'))
    return tuple(dict(type=kind, **found[kind]) for kind in GRID_TYPES if kind in found)


def _window(cfg: Config, model: Mapping[str, Any]) -> int:
    """Steps of a window over long videos: twice what the model was trained on, in whole steps of its coarsest level.

    So each step is seen with at least half as much on either side as in training, and an event as long as a training
    video by one window as a whole.
    """
    pipeline = find_unread(cfg, 'train')[0].get('pipeline') if cfg.get('train_dataloader') else None
    crop = Shaping.of(pipeline or ()).crop
    wanted = 2 * crop.max_len if isinstance(crop, RandomTemporalCrop) else DEFAULT_WINDOW
    num_levels = len(((model.get('head') or {}).get('point_generator') or {}).get('regress_ranges') or [0])
    multiple = 2**num_levels
    return max(-(-wanted // multiple), 1) * multiple


def _classes(content: Mapping[str, Any], model: Mapping[str, Any], checkpoint: str) -> tuple[str, ...]:
    """The names of the outputs."""
    if (model.get('head') or {}).get('num_classes') == 1:
        return ('event',)
    names = checkpoint_classes(content)
    if not names:
        raise UserInputError(f'the checkpoint {checkpoint} does not name its classes, which a bundle needs')
    return tuple(names)


def _provenance(cfg: Config, content: Mapping[str, Any], checkpoint: str, licence: str) -> dict[str, Any]:
    """Where a model comes from, as far as it is known."""
    meta = content.get('meta') or {}
    _, data = find_unread(cfg, 'train' if cfg.get('train_dataloader') else 'test')
    scalars = (content.get('message_hub') or {}).get('log_scalars') or {}
    metrics = {
        name.removeprefix('val/'): round(float(history.current()), 4)
        for name, history in scalars.items()
        if name.startswith('val/') and not name.endswith('time') and len(history.data[0])
    }
    return dict(
        mmdel=version('mmdel'),
        commit=_commit(),
        config=Path(cfg.filename).name if cfg.filename else '',
        checkpoint=Path(checkpoint).name,
        epoch=meta.get('epoch'),
        seed=meta.get('seed'),
        data=dict(annotations=Path(data.ann_file).name, subset=data.subsets),
        metrics={name: value for name, value in metrics.items() if math.isfinite(value)},
        date=datetime.date.today().isoformat(),
        licence=licence,
    )


def _commit() -> str:
    """The commit of mmdel's checkout; empty for an installed package."""
    command = ['git', '-C', str(Path(__file__).parent), 'rev-parse', '--short', 'HEAD']
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ''
