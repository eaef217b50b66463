"""A bundle: all that finds events in a video, in one folder that runs no code when it is opened.

``bundle.json`` describes the model, its classes, the features that it reads and where it comes from;
``weights.safetensors`` holds its weights; files of extractors, such as an ``.onnx``, lie beside them, and perhaps
``model.onnx``, the model as a graph that :mod:`mmdel.runtime` runs without torch.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmdel.datasets.transforms.shaping import Shaping
from mmdel.events.formats.structure import Node
from mmdel.inference import weights
from mmdel.inference.model_rules import check_model
from mmdel.runtime import bundle_rules
from mmdel.runtime.bundle import listed_files
from mmdel.runtime.bundle_rules import DESCRIPTION_FILE, FORMAT, ONNX_FILE, VERSION, WEIGHTS_FILE
from mmdel.runtime.streams import BundleStreams
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import digest


@contextmanager
def whole_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """A path at which to make a bundle, which appears at ``folder`` whole or not at all.

    Args:
        folder: Where.
        overwrite: Whether a bundle that is there may be replaced.

    Raises:
        UserInputError: If something else is there, or it cannot be written.
    """
    if folder.exists() and not (overwrite and (folder / DESCRIPTION_FILE).is_file()):
        why = 'and is no bundle' if overwrite else 'and is left alone; name another folder, or say --overwrite'
        raise UserInputError(f'{folder} exists {why}')
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent) as scratch:
            built = Path(scratch, 'new')
            yield built
            if folder.exists():
                os.rename(folder, Path(scratch, 'old'))
            os.rename(built, folder)
    except OSError as error:
        raise UserInputError(f'Cannot write to {folder}: {error.strerror}') from error


@dataclass(frozen=True)
class Bundle(BundleStreams):
    """A detector with all that belongs to it.

    Attributes:
        model: Config of an ``mmdel.EventDetector``, plain JSON.
        classes: The classes in the order of the model's outputs.
        streams: Name → ``extractors`` (configs, none for features that come ready), ``stride``, ``window``, ``fps`` and
            ``channels`` of its features.
        grid: Configs of ``AlignStreams`` and, where there is one, ``ResizeStreams``.
        weights: The model's, by name.
        thresholds: ``score``: events of a lower score are left out.
        files: Name in the bundle → file of an extractor.
        provenance: What is known of data, training and licence; nothing depends on it.
        weights_sha256: Of the file that the weights were read from.
    """

    model: Mapping[str, Any]
    classes: tuple[str, ...]
    streams: Mapping[str, Mapping[str, Any]]
    grid: tuple[Mapping[str, Any], ...]
    weights: Mapping[str, Tensor] = field(repr=False)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ''

    @classmethod
    def load(cls, path: str | os.PathLike) -> Bundle:
        """The bundle in a folder, after every rule of :mod:`~mmdel.runtime.bundle_rules` has been kept.

        Raises:
            UserInputError: If it is none, is damaged, of another version, or says or holds what a bundle must not.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise UserInputError(f'there is no bundle {folder}: it is a folder with a {DESCRIPTION_FILE}')
        content = bundle_rules.read_description(folder / DESCRIPTION_FILE)
        check_model(Node(str(folder / DESCRIPTION_FILE), 'model', content['model']))
        files = listed_files(folder, content)
        if 'onnx' in content:
            files.pop(ONNX_FILE)
        file = folder / WEIGHTS_FILE
        weights.require_fit(content['model'], weights.read_shapes(file), str(folder))
        bundle = cls(
            content['model'],
            tuple(content['classes']),
            content['streams'],
            tuple(content['grid']),
            weights.read_weights(file, content['weights_sha256']),
            content['thresholds'],
            files,
            content['provenance'],
            content['weights_sha256'],
        )
        bundle._require_parts_that_fit(str(folder))
        return bundle

    def save(self, path: str | os.PathLike, overwrite: bool = False, half: bool = False) -> Path:
        """Writes it to a folder, which appears whole or not at all.

        Args:
            path: The folder.
            overwrite: Whether a bundle that is there may be replaced.
            half: Whether the weights are written in half precision.

        Raises:
            UserInputError: If the folder is there, or cannot be written, or the bundle breaks a rule.
        """
        self._require_rules(os.fspath(path))
        with whole_folder(Path(path), overwrite) as built:
            self._write(built, half)
        return Path(path)

    def build_model(self, device: str | torch.device = 'cpu') -> nn.Module:
        """The model with its weights, ready to predict, on a device."""
        model = weights.build(self.model)
        model.load_state_dict(self.weights, strict=True)
        return model.to(device).eval()

    @property
    def shaping(self) -> Shaping:
        """How the streams come onto one grid."""
        return Shaping.of(self.grid)

    def _require_rules(self, where: str) -> None:
        """Stops at a bundle that could be written, and then not read.

        Raises:
            UserInputError: With the place in the description and what was expected.
        """
        none = '0' * 64
        content = json.loads(json.dumps(self._description(dict.fromkeys(self.files, none), none)))
        bundle_rules.check_description(Node(where, '', content))
        check_model(Node(where, 'model', content['model']))
        self._require_parts_that_fit(where)

    def _description(self, files: Mapping[str, str], weights_sha256: str) -> dict[str, Any]:
        """The content of ``bundle.json``."""
        return dict(
            format=FORMAT,
            version=VERSION,
            model=self.model,
            classes=list(self.classes),
            streams=self.streams,
            grid=list(self.grid),
            thresholds=self.thresholds,
            files=files,
            weights_sha256=weights_sha256,
            provenance=self.provenance,
        )

    def _write(self, folder: Path, half: bool) -> None:
        from safetensors.torch import save_file

        folder.mkdir(mode=0o755)
        tensors = {name: _stored(value, half) for name, value in self.weights.items()}
        save_file(tensors, folder / WEIGHTS_FILE)
        os.chmod(folder / WEIGHTS_FILE, 0o644)
        for name, file in self.files.items():
            shutil.copyfile(file, folder / name)
        files = {name: digest(folder / name) for name in self.files}
        content = self._description(files, digest(folder / WEIGHTS_FILE))
        text = json.dumps(content, indent=1, allow_nan=False) + '\n'
        (folder / DESCRIPTION_FILE).write_text(text, encoding='ascii')
        Bundle.load(folder)  # what is handed on can be read

    def _require_parts_that_fit(self, where: str) -> None:
        """Stops at classes and channels that are not the model's.

        Raises:
            UserInputError: Naming both.
        """
        num_outputs = self.model.get('head', {}).get('num_classes')
        if num_outputs != len(self.classes):
            raise UserInputError(f'{where}: {len(self.classes)} classes are named, and the model has {num_outputs}')
        channels = self.model.get('backbone', {}).get('in_channels')
        own = {name: stream['channels'] for name, stream in self.streams.items()}
        if isinstance(channels, dict) and not channels.items() <= own.items():
            raise UserInputError(f'{where}: the model reads the channels {channels}, and the streams have {own}')


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu()
    return (value.half() if half and value.is_floating_point() else value).contiguous().clone()
