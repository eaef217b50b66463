"""A stand-in for onnxruntime's session: a model of torch behind the same methods."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import torch

from mmdel.inference import Bundle
from mmdel.inference.onnx_bundle import settings_of
from mmdel.structures import StreamBatch
from mmdel.utils.files import digest


class TorchSession:
    """Runs the model of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.model = bundle.build_model()
        self.channels = {name: stream['channels'] for name, stream in bundle.streams.items()}

    def get_inputs(self):
        streams = [
            SimpleNamespace(name=name, type='tensor(float)', shape=['B', 'T', channels])
            for name, channels in self.channels.items()
        ]
        return [*streams, SimpleNamespace(name='mask', type='tensor(bool)', shape=['B', 'T'])]

    def get_outputs(self):
        return [SimpleNamespace(name=name) for name in ('cls_logits', 'offsets')]

    def run(self, names, inputs):
        assert list(names) == ['cls_logits', 'offsets']
        tensors = {name: torch.tensor(x) for name, x in inputs.items()}
        mask = tensors.pop('mask')
        with torch.inference_mode():
            return [x.numpy() for x in self.model(StreamBatch(tensors, mask))]


def save_with_graph(bundle: Bundle, folder: Path) -> Path:
    """The bundle with a file in the place of its graph, to be run by a :class:`TorchSession`."""
    bundle.save(folder)
    (folder / 'model.onnx').write_bytes(b'graph')
    path = folder / 'bundle.json'
    settings = settings_of(bundle.build_model(), digest(folder / 'model.onnx'))
    path.write_text(json.dumps(dict(json.loads(path.read_text()), onnx=settings.write())))
    return folder
