"""Running ONNX models by onnxruntime, the extra ``onnx``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from mmdel.features.onnx_rules import require_one_file
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import require_regular_file
from mmdel.utils.optional import require


def open_session(model: str | os.PathLike | bytes, device: str = 'cpu') -> Any:
    """An onnxruntime.InferenceSession of as many threads as torch has, see :func:`num_threads`.

    The model must be whole in itself, and reads no other file: see :mod:`~mmdel.features.onnx_rules`.

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
        model = Path(model).read_bytes()
    require_one_file(model, name)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = num_threads()
    options.log_severity_level = 3  # errors
    options.add_session_config_entry('session.load_model_format', 'ONNX')
    try:
        providers = [(provider, dict(device_id=int(number)) if number else {})]
        return runtime.InferenceSession(model, options, providers=providers)
    except Exception as error:  # onnxruntime's own kinds have no common base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserInputError(f'{name} cannot be read as an ONNX model: {reason}') from error


def num_threads() -> int:
    """The threads of torch, where it is there, else what ``OMP_NUM_THREADS`` says; 0 is one for each core."""
    if (torch := sys.modules.get('torch')) is not None:
        return torch.get_num_threads()
    given = os.environ.get('OMP_NUM_THREADS', '')
    return int(given) if given.isdigit() else 0
