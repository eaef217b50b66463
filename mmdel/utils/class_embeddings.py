"""Embeddings of the names of classes: their file, and a checkpoint's classes exchanged for others.

Shapes: C classes, E numbers of an embedding.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmdel.utils.checkpoints import checkpoint_classes
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import require_regular_file

PART = 'head.cls_tower.embeddings'  # of a model, where its head has a TextClassifier
EXPECTED = 'an .npz file of names (C,), no two alike, and embeddings (C, E), finite and none of length 0'
MAX_NAMED = 5


def read_class_embeddings(path: str | os.PathLike, num_dims: int) -> dict[str, Tensor]:
    """The embedding (E,) of each name, of length 1, in the order of the file.

    Args:
        path: As ``np.savez(path, names=names, embeddings=embeddings)`` writes it.
        num_dims: The E of the model.

    Raises:
        UserInputError: If the file is no such one, naming what was expected; if its E is another.
    """
    require_regular_file(path, 'class embeddings')
    try:
        with np.load(path, allow_pickle=False) as file:
            names, vectors = file['names'], file['embeddings'].astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    except Exception as error:  # whatever numpy and zipfile say of a file that is something else
        raise UserInputError(f'The class embeddings {path} are not {EXPECTED}: {error}') from error
    suits = names.dtype.kind == 'U' and names.ndim == 1 and vectors.ndim == 2
    suits = suits and len(set(names.tolist())) == len(vectors) == len(names) > 0
    if not suits or not (np.isfinite(lengths) & (lengths > 0)).all():
        said = f'names {names.shape} of the type {names.dtype}, embeddings {vectors.shape}'
        raise UserInputError(f'The class embeddings {path} are not {EXPECTED}, but: {said}')
    if vectors.shape[1] != num_dims:
        raise UserInputError(
            f'The class embeddings {path} have {vectors.shape[1]} numbers each, and the model has {num_dims}: '
            'model.head.classifier.embed_dims'
        )
    return dict(zip(names.tolist(), torch.from_numpy(vectors / lengths).float(), strict=True))


def embeddings_of(classes: Sequence[str], path: str | os.PathLike, num_dims: int) -> Tensor:
    """The embeddings (C, E) of the classes, in their order.

    Args:
        classes: Their names.
        path: The file, which may have those of other classes, too.
        num_dims: The E of the model.

    Raises:
        UserInputError: As :func:`read_class_embeddings`; if the file lacks classes, naming them.
    """
    known = read_class_embeddings(path, num_dims)
    if missing := [name for name in classes if name not in known]:
        named = ', '.join(missing[:MAX_NAMED]) + (', …' if len(missing) > MAX_NAMED else '')
        raise UserInputError(f'The class embeddings {path} lack {len(missing)} of the {len(classes)} classes: {named}')
    return torch.stack([known[name] for name in classes])


def embeddings_file(cfg: Mapping[str, Any]) -> str | None:
    """The file that a hook of a config reads; None if none does."""
    hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or ())]
    return next((hook['embeddings'] for hook in hooks if isinstance(hook, Mapping) and hook.get('embeddings')), None)


def require_exchangeable(model: nn.Module) -> None:
    """Stops at a detector a part of which has learned something for each class, so that it cannot take other ones.

    Raises:
        UserInputError: Naming the parts.
    """
    parts = [
        name
        for name, part in model.named_modules()
        if name.startswith(('neck', 'head.'))
        and (hasattr(part, 'num_classes') or getattr(part, 'num_regressions', 1) > 1)
    ]
    if parts:
        raise UserInputError(
            f'the classes cannot be exchanged for others, since {", ".join(parts)} learned something for each of them, '
            'as with class_aware=True'
        )


def exchange_classes(checkpoint: dict[str, Any], model: nn.Module, classes: Sequence[str], embeddings: Tensor) -> str:
    """Puts classes in the place of those that a checkpoint was trained with.

    Args:
        checkpoint: Its content, which is changed: the weights of :data:`PART`, and the classes in ``meta``.
        model: The model that they are for.
        classes: Names.
        embeddings: (C, E), of these.

    Returns:
        What is different from before; empty if nothing is, or if the weights are not those of such a model.

    Raises:
        UserInputError: If the classes are others, and a part of the model has learned something for each of them.
    """
    weights = checkpoint.get('state_dict', checkpoint)
    place = next((name for name in weights if name.removeprefix('module.') == PART), None)
    if place is None:
        return ''
    theirs, classes = checkpoint_classes(checkpoint), list(classes)
    if theirs and theirs != classes:
        require_exchangeable(model)
        checkpoint['meta']['dataset_meta']['classes'] = classes
    before, weights[place] = weights[place], embeddings
    if theirs and theirs != classes:
        return f'its {len(theirs)} classes are exchanged for {len(classes)}: {", ".join(classes)}'
    same = before.shape == embeddings.shape and torch.allclose(before.to(embeddings), embeddings, atol=1e-6)
    return '' if same else 'its embeddings of the classes are exchanged for others'
