"""VGGish's input, and VGGish itself where its weights are at hand: features of sound.

Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017. The constants of the front end
are those of https://github.com/tensorflow/models/blob/master/research/audioset/vggish/vggish_params.py (Apache-2.0):
frames of 25 ms every 10 ms at 16 kHz under a periodic Hann window, the magnitude of their Fourier transform over 512
samples, 64 mel bands from 125 to 7500 Hz, ``log(mel + 0.01)``, and examples of 96 frames.

N frames, T steps, 96 x 64 values an example.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mmdel.features.extractor import Extractor, file_under, register_extractor
from mmdel.features.onnx_session import open_session
from mmdel.media import SoundRate
from mmdel.utils.errors import UserInputError
from mmdel.utils.optional import require

HZ = 16000
FRAME, HOP, FFT_SIZE = 400, 160, 512  # samples
NUM_BANDS, LOW_HZ, HIGH_HZ = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
EXAMPLE_FRAMES = 96
MAX_EXAMPLES = 16  # at once
TYPICAL = {'mean': (-2.3, 0.9), 'deviation': (0.7, 0.4), 'frame': (-2.3, 1.2)}  # value and spread

Net: TypeAlias = Callable[[np.ndarray], np.ndarray]  # examples (n, 1, 96, 64) → (n, C)


@register_extractor
class VGGishMelExtractor(Extractor):
    """Sound → VGGish's log-mel examples, pooled or stacked, or its 128 channels of each; at any hop.

    Args:
        hop_sec: From one step to the next: 0.96 as VGGish was used first, 0.32 as for UnAV-100. Whole hops of 10 ms.
        weights: VGGish's weights: an ONNX model ``(n, 1, 96, 64)`` → ``(n, 128)``, or a file of torch in the layout of
            torchvggish, see :data:`CONVOLUTIONS`. None gives what VGGish would see.
        pool: Without weights, what a step holds of its 96 frames: ``'moments'``, the mean and the standard deviation of
            each band (C = 128), or ``'stack'``, all of them (C = 6144); less their typical value and divided by their
            typical spread (``TYPICAL``).
        root: Folder that ``weights`` is relative to.

    Raises:
        UserInputError: If the weights cannot be read, or are others.
        ValueError: If ``hop_sec`` is no multiple of 10 ms, or there is no such ``pool``.
    """

    file_arguments = ('weights',)

    def __init__(
        self,
        hop_sec: float = 0.96,
        weights: str | None = None,
        pool: Literal['moments', 'stack'] = 'moments',
        root: str | None = None,
    ) -> None:
        step_hops = round(hop_sec * HZ / HOP)
        if step_hops < 1 or abs(step_hops * HOP / HZ - hop_sec) > 1e-6:
            raise ValueError(f'hop_sec must be a multiple of {HOP / HZ}, got {hop_sec!r}')
        if pool not in ('moments', 'stack'):
            raise ValueError(f"pool must be 'moments' or 'stack', got {pool!r}")
        self._pool, self._net = pool, cast(Net | None, None)
        channels = NUM_BANDS * (EXAMPLE_FRAMES if pool == 'stack' else 2)
        if weights is not None:
            self._path = file_under(root, weights)
            self._net = load_vggish(self._path)
            channels = self._net(np.zeros((1, 1, EXAMPLE_FRAMES, NUM_BANDS), np.float32)).shape[1]
        window = FRAME + (EXAMPLE_FRAMES - 1) * HOP
        super().__init__(SoundRate(HZ), stride=step_hops * HOP, window=window, channels=channels)

    def to(self, device: str) -> VGGishMelExtractor:
        """The extractor, with its weights, if it has any, on a device."""
        if self._net is not None:
            self._net = load_vggish(self._path, device)
        return self

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Samples ``(S,)`` → steps ``(T, C)``, see :class:`~mmdel.features.Extractor`."""
        examples = sliding_window_view(log_mel(frames), EXAMPLE_FRAMES, axis=0)[:: self.stride // HOP]
        examples = examples.transpose(0, 2, 1)  # (T, 96, 64)
        if self._net is not None:
            parts = [examples[first : first + MAX_EXAMPLES] for first in range(0, len(examples), MAX_EXAMPLES)]
            return np.concatenate([self._net(np.ascontiguousarray(part, np.float32)[:, None]) for part in parts])
        if self._pool == 'stack':
            pooled = [('frame', examples.reshape(len(examples), -1))]
        else:
            pooled = [('mean', examples.mean(axis=1)), ('deviation', examples.std(axis=1))]
        scaled = [(values - TYPICAL[name][0]) / TYPICAL[name][1] for name, values in pooled]
        return np.concatenate(scaled, axis=1).astype(np.float32)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Sound ``(S,)`` at 16 kHz, in [-1, 1] → ``(N, 64)`` float64 of every whole frame."""
    windows = sliding_window_view(samples, FRAME)[::HOP]
    magnitude = np.abs(np.fft.rfft(windows * np.hanning(FRAME + 1)[:-1], FFT_SIZE))
    return np.log(magnitude @ mel_weights() + LOG_OFFSET)


@cache
def mel_weights() -> np.ndarray:
    """``(257, 64)`` weights: triangles in mel, ``1127 ln(1 + f / 700)``, with nothing of the constant part."""

    def to_mel(hz: float | np.ndarray) -> np.ndarray:
        return 1127.0 * np.log1p(np.asarray(hz) / 700.0)

    bins = to_mel(np.linspace(0.0, HZ / 2, FFT_SIZE // 2 + 1))[:, None]
    edges = np.linspace(to_mel(LOW_HZ), to_mel(HIGH_HZ), NUM_BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.clip(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0.0, None)
    weights[0] = 0.0
    return weights


# The layers of torchvggish: convolutions of 3 x 3, each with a ReLU and some with a pooling of 2 x 2 behind, and linear
# layers with a ReLU behind each. The last pooling's output is flattened in the order (time, band, channel).
CONVOLUTIONS = {'features.0': True, 'features.3': True, 'features.6': False, 'features.8': True}
CONVOLUTIONS |= {'features.11': False, 'features.13': True}
LINEARS = 'embeddings.0', 'embeddings.2', 'embeddings.4'


def load_vggish(path: str, device: str = 'cpu') -> Net:
    """VGGish from an ONNX model, or from a file of torch.

    Raises:
        UserInputError: If the file cannot be read, or holds other weights.
    """
    if path.endswith('.onnx'):
        session = open_session(path, device)
        name, shape = session.get_inputs()[0].name, session.get_inputs()[0].shape
        if len(session.get_inputs()) != 1 or shape[1:] != [1, EXAMPLE_FRAMES, NUM_BANDS]:
            raise UserInputError(f'{path} takes {shape}, and VGGish takes [n, 1, {EXAMPLE_FRAMES}, {NUM_BANDS}]')
        return lambda examples: session.run(None, {name: examples})[0]
    torch = require('torch', 'learned')
    from mmdel.utils.checkpoints import read_checkpoint  # which takes a second

    functional = torch.nn.functional
    state = read_checkpoint(path)
    state = state.get('state_dict', state)
    names = {f'{layer}.{kind}' for layer in (*CONVOLUTIONS, *LINEARS) for kind in ('weight', 'bias')}
    if not names <= state.keys():
        lacking = sorted(names - state.keys())
        raise UserInputError(f'{path} holds no VGGish in the layout of torchvggish: it lacks {", ".join(lacking[:3])}')
    weights = {name: state[name].float().to(device) for name in names}

    @torch.inference_mode()
    def run(examples: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(examples).to(device)
        for layer, is_pooled in CONVOLUTIONS.items():
            x = functional.conv2d(x, weights[f'{layer}.weight'], weights[f'{layer}.bias'], padding=1).relu()
            x = functional.max_pool2d(x, 2) if is_pooled else x
        x = x.permute(0, 2, 3, 1).flatten(1)
        for layer in LINEARS:
            x = functional.linear(x, weights[f'{layer}.weight'], weights[f'{layer}.bias']).relu()
        return x.cpu().numpy()

    return run
