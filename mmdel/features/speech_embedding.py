"""Google's speech embedding, trained on spoken words of 200 million YouTube videos: features of sound.

Lin et al., "Training Keyword Spotters with Limited and Synthesized Speech Data", ICASSP 2020; the model is Apache-2.0.
It comes, with a spectrogram before it and TensorFlow Lite to run both, in the package ``pyopen-wakeword`` (Apache-2.0).
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from mmdel.features.extractor import Extractor, register_extractor
from mmdel.media import SoundRate
from mmdel.utils.optional import require

HZ = 16000
HOP, CHUNK = 1280, 1760  # samples: a chunk gives the spectrogram's frames of one hop
HOP_FRAMES, WINDOW_FRAMES = (
    8,
    76,
)  # frames of the spectrogram, 10 ms apart, from one embedding to the next, and that it sees
NUM_CHUNKS = -(-WINDOW_FRAMES // HOP_FRAMES)  # that it takes
NUM_BANDS, NUM_CHANNELS = 32, 96
FULL_SCALE = 32768.0  # of the 16-bit samples that the spectrogram is made for
TYPICAL = (2.0, 16.0)  # typical value and spread of the channels


@register_extractor
class SpeechEmbeddingExtractor(Extractor):
    """Sound → 96 channels every 80 ms, each step of 0.83 s of sound.

    The same as the package gives while sound comes in, less their typical value and divided by their typical spread
    (``TYPICAL``): the spectrogram is made of chunks of 110 ms, since it cuts off what lies 80 dB below the loudest of
    its chunk; the embedding is a convolution, and is computed over all frames at once.

    Raises:
        UserInputError: If the package, of the extra ``learned``, is not installed.
    """

    def __init__(self) -> None:
        super().__init__(SoundRate(HZ), stride=HOP, window=(NUM_CHUNKS - 1) * HOP + CHUNK, channels=NUM_CHANNELS)
        models = require('pyopen_wakeword', 'learned').OpenWakeWordFeatures.from_builtin()
        self._spectrogram = _Interpreter(models, models.mel_interpreter)
        self._embedding = _Interpreter(models, models.emb_interpreter)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Samples ``(S,)`` → steps ``(n, 96)``, see :class:`~mmdel.features.Extractor`."""
        samples = frames * np.float32(FULL_SCALE)
        chunks = np.lib.stride_tricks.sliding_window_view(samples, CHUNK)[::HOP]
        mels = np.concatenate([self._spectrogram(chunk[None]).reshape(-1, NUM_BANDS) for chunk in chunks])
        num_steps = len(chunks) - NUM_CHUNKS + 1
        mels = mels[: (num_steps - 1) * HOP_FRAMES + WINDOW_FRAMES] / 10 + 2  # as the embedding was trained
        embeddings = self._embedding(mels[None, :, :, None]).reshape(num_steps, NUM_CHANNELS)
        value, spread = TYPICAL
        return (embeddings - value) / spread


class _Interpreter:
    """An interpreter of TensorFlow Lite with one input and one output, by the functions of its C interface."""

    def __init__(self, models: Any, interpreter: int) -> None:
        self._models = models  # owns the interpreter
        self._lib, self._interpreter = models.lib, interpreter
        self._shape: tuple[int, ...] = ()

    def __call__(self, array: np.ndarray) -> np.ndarray:
        array = np.ascontiguousarray(array, dtype=np.float32)
        if array.shape != self._shape:
            sizes = (ctypes.c_int32 * array.ndim)(*array.shape)
            self._check(self._lib.TfLiteInterpreterResizeInputTensor(self._interpreter, 0, sizes, array.ndim))
            self._check(self._lib.TfLiteInterpreterAllocateTensors(self._interpreter))
            self._shape = array.shape
        source = self._lib.TfLiteInterpreterGetInputTensor(self._interpreter, 0)
        self._check(self._lib.TfLiteTensorCopyFromBuffer(source, array.ctypes.data_as(ctypes.c_void_p), array.nbytes))
        self._check(self._lib.TfLiteInterpreterInvoke(self._interpreter))
        target = self._lib.TfLiteInterpreterGetOutputTensor(self._interpreter, 0)
        num_axes = self._lib.TfLiteTensorNumDims(target)
        result = np.empty([self._lib.TfLiteTensorDim(target, axis) for axis in range(num_axes)], np.float32)
        self._check(self._lib.TfLiteTensorCopyToBuffer(target, result.ctypes.data_as(ctypes.c_void_p), result.nbytes))
        return result

    @staticmethod
    def _check(status: int) -> None:
        if status:
            raise RuntimeError(f'TensorFlow Lite failed with status {status}')
