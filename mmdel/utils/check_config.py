"""What is wrong with a config, found before any data are read or weights are made."""

from __future__ import annotations

import logging
import os
import typing
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from mmengine import registry as root
from mmengine.config import Config

from mmdel.utils.config_build import try_part
from mmdel.utils.config_options import read_keys
from mmdel.utils.config_parts import Part, check_part, find_parts
from mmdel.utils.config_relations import check_monitored, check_relations, get
from mmdel.utils.config_values import admits, describe, is_known_constructor
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import nearest

# A name of the top level is a variable of the file, unless it looks so much like one that is read.
SAME_NAME = 0.88
# The keys of the dicts that become no object, and their values.
SECTIONS: dict[str, dict[str, Any]] = {
    'randomness': dict(seed=int | None, diff_rank_seed=bool, deterministic=bool),
    'env_cfg': dict(cudnn_benchmark=bool, mp_cfg=dict, dist_cfg=dict, resource_limit=int),
    'auto_scale_lr': dict(enable=bool, base_batch_size=int),
    'custom_imports': dict(imports=typing.Any, allow_failed_imports=bool),
    'optim_wrapper.clip_grad': dict(
        type=typing.Literal['norm', 'value'],
        max_norm=float,
        norm_type=typing.Any,
        error_if_nonfinite=bool,
        foreach=bool | None,
        clip_value=float,
    ),
    # of mmengine's DefaultOptimWrapperConstructor, which passes over others
    'optim_wrapper.paramwise_cfg': dict(
        **dict.fromkeys(('bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'flat_decay_mult'), float),
        **dict.fromkeys(('dwconv_decay_mult', 'dcn_offset_lr_mult'), float),
        custom_keys=dict,
        bypass_duplicate=bool,
    ),
}


def check_config(cfg: Config) -> None:
    """Stops at the first mistake in a config.

    Every part that the config names is looked up, and its keys and values are compared with the arguments of its class.
    What parts say of one another is compared. What needs no data is built for trial: the model on the meta device, so
    that it takes no memory, and random numbers go on as if none had been drawn. Not built are parts of other packages
    than this one, mmengine and torch, and what reads or writes a file.

    Raises:
        UserInputError: With the dotted path of the key, what it is, and what was expected.
    """
    fields = {key: cfg[key] for key in cfg}
    scope = fields.get('default_scope')
    if scope is not None:
        _require_scope(scope)
    with root.MODELS.switch_scope_and_registry(scope):
        _check_names(fields)
        parts = list(find_parts(fields))
        for part in parts:
            check_part(part)
        check_relations(fields)
        built = {part.path: try_part(part, fields) for part in parts}
    _check_hooks(fields, parts, built)
    work_dir = fields.get('work_dir')
    for folder in (Path(work_dir), *Path(work_dir).parents) if isinstance(work_dir, str) else ():
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise UserInputError(f'work_dir is {work_dir}, and {folder} is a file')


def _require_scope(scope: Any) -> None:
    known = {'mmengine', *root.MODELS.children}
    if scope not in known:
        try:
            import_module(f'{scope}.registry')
        except ImportError as error:
            raise UserInputError(
                f'default_scope: there is no package {scope!r} with registries{nearest(str(scope), known)}'
            ) from error


def _check_names(fields: Mapping[str, Any]) -> None:
    """The names of the top level, and the keys of what becomes no object."""
    for name in fields.keys() - read_keys():
        if hint := nearest(name, read_keys(), SAME_NAME):
            raise UserInputError(f'{name}: nothing reads a key of this name{hint}')
    level = fields.get('log_level', 'INFO')
    if not isinstance(logging.getLevelName(level), int if isinstance(level, str) else str):
        raise UserInputError(f'log_level is {level!r}, expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL')
    for path, hints in SECTIONS.items():
        section = get(fields, *path.split('.'))
        if path.endswith('paramwise_cfg') and not is_known_constructor(get(fields, 'optim_wrapper', 'constructor')):
            continue
        if section is not None and not isinstance(section, Mapping):
            raise UserInputError(f'{path} is {section!r}, expected a dict')
        for key, value in (section or {}).items():
            if key not in hints and key != '_scope_':
                raise UserInputError(f'{path}.{key}: nothing reads it{nearest(key, hints.keys())}')
            if key in hints and not admits(hints[key], value):
                raise UserInputError(f'{path}.{key} is {value!r}, expected {describe(hints[key])}')


def _check_hooks(fields: Mapping[str, Any], parts: list[Part], built: Mapping[str, Any]) -> None:
    """What hooks wait for comes: measures of the validation, outputs of parts of the model."""
    metrics = [part.path for part in parts if part.kind == 'METRICS' and part.path.startswith('val_evaluator')]
    if all(built[path] is not None for path in metrics):
        check_monitored(fields, [built[path] for path in metrics])
    for path, hook in built.items():
        if hasattr(hook, 'check_model') and built.get('model') is not None:
            try:
                hook.check_model(built['model'])
            except ValueError as error:
                raise UserInputError(f'{path}: {error}') from error
