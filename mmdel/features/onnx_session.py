"""Running ONNX models by onnxruntime, the extra ``onnx``."""

from __future__ import annotations

import os
from typing import Any

import torch

from mmdel.utils.errors import UserInputError
from mmdel.utils.files import require_regular_file
from mmdel.utils.optional import require


def open_session(model: str | os.PathLike | bytes, device: str = 'cpu') -> Any:
    """An onnxruntime.InferenceSession of as many threads as torch has.

    Args:
        model: Its file, or what one holds.
        device: ``'cpu'``, ``'cuda'`` or ``'cuda:1'``.

    Raises:
        UserInputError: If there is no onnxruntime or none for the device, or it does not read the model.
    """
    runtime = require('onnxruntime', 'onnx')
    kind, _, number = device.partition(':')
    provider = dict(cpu='CPUExecutionProvider', cuda='CUDAExecutionProvider').get(kind)
    if provider not in runtime.get_available_providers():
        has = ', '.join(name.removesuffix('ExecutionProvider') for name in runtime.get_available_providers())
        raise UserInputError(f'the onnxruntime that is installed does not run on {device!r}, but on {has}')
    name = 'what was given' if isinstance(model, bytes) else os.fspath(model)
    if not isinstance(model, bytes):
        require_regular_file(model, 'ONNX model')
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    try:
        source = model if isinstance(model, bytes) else os.fspath(model)
        providers = [(provider, dict(device_id=int(number)) if number else {})]
        return runtime.InferenceSession(source, options, providers=providers)
    except Exception as error:  # onnxruntime's own kinds have no common base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserInputError(f'{name} cannot be read as an ONNX model: {reason}') from error
