"""A bundle as it is run without torch: its description, and ``model.onnx`` in the place of weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdel.events.formats.structure import Node
from mmdel.runtime.bundle_rules import DESCRIPTION_FILE, ONNX_FILE, read_description
from mmdel.runtime.onnx_settings import OnnxSettings
from mmdel.runtime.streams import BundleStreams
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import digest

SHIPPED = Path(__file__).resolve().parents[1] / 'bundles'


@dataclass(frozen=True)
class OnnxBundle(BundleStreams):
    """What ``mmdel.inference.Bundle`` is with torch.

    Attributes:
        graph: The file of the model.
        settings: What is computed before and behind it.
        classes: The classes in the order of the model's outputs.
        streams: See :class:`~mmdel.runtime.streams.BundleStreams`.
        grid: Likewise.
        files: Likewise.
        thresholds: ``score``: events of a lower score are left out.
        provenance: What is known of data, training and licence; nothing depends on it.
        weights_sha256: Of the weights that the graph was made of, by which the model is known.
    """

    graph: Path
    settings: OnnxSettings
    classes: tuple[str, ...]
    streams: Mapping[str, Mapping[str, Any]]
    grid: tuple[Mapping[str, Any], ...]
    files: Mapping[str, Path]
    thresholds: Mapping[str, float]
    provenance: Mapping[str, Any]
    weights_sha256: str

    @classmethod
    def load(cls, path: str | os.PathLike) -> OnnxBundle:
        """The bundle of a folder, or of a name as :func:`find_bundle` takes it.

        Raises:
            UserInputError: If it is none, breaks a rule of :mod:`~mmdel.runtime.bundle_rules`, or has no graph.
        """
        folder = find_bundle(path)
        content = read_description(folder / DESCRIPTION_FILE)
        if 'onnx' not in content:
            raise UserInputError(
                f'the bundle {folder} has no {ONNX_FILE}, by which it runs without PyTorch: where PyTorch is, '
                f'mmdel export {folder} --onnx adds it'
            )
        files = listed_files(folder, content)
        return cls(
            files.pop(ONNX_FILE),
            OnnxSettings.read(Node(str(folder / DESCRIPTION_FILE), 'onnx', content['onnx'])),
            tuple(content['classes']),
            content['streams'],
            tuple(content['grid']),
            files,
            content['thresholds'],
            content['provenance'],
            content['weights_sha256'],
        )


def listed_files(folder: Path, content: Mapping[str, Any]) -> dict[str, Path]:
    """The files that the description of a bundle lists beside the weights, by their names.

    Raises:
        UserInputError: If one is not there, or another one.
    """
    digests = dict(content['files'])
    if 'onnx' in content:
        digests[ONNX_FILE] = content['onnx']['sha256']
    files = {name: folder / name for name in digests}
    for name, file in files.items():
        if not file.is_file() or digest(file) != digests[name]:
            raise UserInputError(f'{folder}: {name} is missing, or not the file of this bundle')
    return files


def find_bundle(name: str | os.PathLike) -> Path:
    """The folder of a bundle by its path, or by its name of those that are part of mmdel: ``'demo'``.

    Raises:
        UserInputError: If there is none.
    """
    path, shipped = Path(name), SHIPPED / Path(name).name
    if (path / DESCRIPTION_FILE).is_file():
        return path
    if path.name == os.fspath(name) and (shipped / DESCRIPTION_FILE).is_file():
        return shipped
    if path.suffix in ('.py', '.pth'):
        raise UserInputError(
            f'{path} is no bundle. mmdel export makes one of a config and a checkpoint; or name both explicitly, by '
            '--config and --checkpoint, where you trust them: a config is a program'
        )
    names = ', '.join(sorted(folder.parent.name for folder in SHIPPED.glob(f'*/{DESCRIPTION_FILE}')))
    raise UserInputError(
        f'there is no bundle {path}: it is a folder with a {DESCRIPTION_FILE}, as mmdel export writes it'
        + (f'; or one of {names}' if names else '')
    )
