"""Any ONNX model as an extractor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from mmdel.features.extractor import Extractor, Rate, file_under, register_extractor
from mmdel.features.onnx_session import open_session
from mmdel.media import PictureRate, SoundRate
from mmdel.utils.errors import UserInputError

Layout = Literal['NCHW', 'NHWC', 'NCTHW', 'NTCHW', 'NS']
MAX_WINDOWS = 16  # at once, where the model leaves it open
TYPES = {'tensor(float)': np.float32, 'tensor(float16)': np.float16, 'tensor(uint8)': np.uint8}


@register_extractor
class OnnxExtractor(Extractor):
    """Windows of pictures or sound → a model's output ``(n, C, …)`` of each, averaged over the axes after C.

    Args:
        weights: The model's file.
        fps: Pictures a second, for a model of pictures.
        height: Of the pictures; None takes it from the model.
        width: Likewise.
        hz: Samples a second, for a model of sound.
        stride: Frames (pictures or samples) from one step to the next.
        window: Frames that a step sees.
        layout: How the model takes its input: N windows, T pictures (1 without a T), S samples, C colours.
        mean: Taken off the pictures' values in [0, 255], or the samples in [-1, 1]; one number, or one for each colour.
        std: What they are then divided by.
        output: The output's name; None takes the first.
        root: Folder that ``weights`` is relative to.
        fit: How pictures of another shape come to the size, see :class:`~mmdel.media.PictureRate`.

    Raises:
        UserInputError: If the model cannot be read, or takes or gives something else.
        ValueError: If the arguments do not fit each other.
    """

    file_arguments = ('weights',)

    def __init__(
        self,
        weights: str,
        fps: float | None = None,
        height: int | None = None,
        width: int | None = None,
        hz: int | None = None,
        stride: int = 1,
        window: int = 1,
        layout: Layout = 'NCHW',
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        output: str | None = None,
        root: str | None = None,
        fit: Literal['stretch', 'crop', 'pad'] = 'stretch',
    ) -> None:
        if layout not in get_args(Layout):
            raise ValueError(f'layout must be one of {", ".join(get_args(Layout))}, got {layout!r}')
        if (hz is None) == (fps is None) or (layout == 'NS') != (hz is not None):
            raise ValueError(
                'a model of sound has hz and the layout NS, and one of pictures has fps and another layout'
            )
        if layout in ('NCHW', 'NHWC') and window != 1:
            raise ValueError(f'in the layout {layout} a step sees one picture, and window is {window}')
        self._path, self._layout = file_under(root, weights), layout
        self._session = open_session(self._path)
        inputs, outputs = self._session.get_inputs(), {item.name: item for item in self._session.get_outputs()}
        if len(inputs) != 1 or inputs[0].type not in TYPES or len(inputs[0].shape) != len(layout):
            given = ', '.join(f'{item.name} {item.type} {item.shape}' for item in inputs)
            raise UserInputError(f'{self._path} should have one input, of the layout {layout}, and has {given}')
        if output is not None and output not in outputs:
            raise UserInputError(f'{self._path} has no output {output!r}, but {", ".join(outputs)}')
        self._input, self._output = inputs[0], output or next(iter(outputs))
        self._mean, self._std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        rate: Rate
        if hz is not None:
            rate, sizes = SoundRate(hz), dict(S=window)
        else:
            rate = PictureRate(fps or 0.0, self._side('H', height), self._side('W', width), fit)
            sizes = dict(T=window, H=rate.height, W=rate.width, C=3)
        self._check_sizes(sizes)
        self._num = inputs[0].shape[0] if isinstance(inputs[0].shape[0], int) else None  # windows that it wants at once
        blank = np.zeros([self._num or 1, *(sizes[letter] for letter in layout[1:])], np.float32)
        super().__init__(rate, stride, window, channels=self._run(blank).shape[1])

    def _side(self, letter: str, given: int | None) -> int:
        """A side of the pictures: as given, or else the model's own."""
        own = self._input.shape[self._layout.index(letter)]
        if given is None and not isinstance(own, int):
            raise UserInputError(f'{self._path} takes pictures of any size: give height and width')
        return own if given is None else given

    def _check_sizes(self, sizes: Mapping[str, int]) -> None:
        """Stops where the model declares other sizes than it is to be given."""
        for letter, own in zip(self._layout[1:], self._input.shape[1:], strict=True):
            if isinstance(own, int) and own != sizes[letter]:
                wanted = ['n', *(sizes[letter] for letter in self._layout[1:])]
                raise UserInputError(
                    f'{self._path} takes {self._input.shape}, and by fps or hz, window, height, width and the layout '
                    f'{self._layout} it would be given {wanted}'
                )

    def to(self, device: str) -> OnnxExtractor:
        """The extractor, with its model on a device."""
        self._session = open_session(self._path, device)
        return self

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames → steps ``(n, C)``, see :class:`~mmdel.features.Extractor`."""
        windows = self.windows(frames)
        return np.concatenate([self._run(self._arranged(part)) for part in self._batches(windows)])[: len(windows)]

    def _batches(self, windows: np.ndarray) -> list[np.ndarray]:
        """As many windows as the model takes; the last ones are repeated where it wants a number of them."""
        size = self._num or MAX_WINDOWS
        parts = [windows[first : first + size] for first in range(0, len(windows), size)]
        if self._num:
            parts[-1] = parts[-1][np.arange(size).clip(max=len(parts[-1]) - 1)]
        return parts

    def _arranged(self, windows: np.ndarray) -> np.ndarray:
        """Windows ``(n, T, H, W, 3)`` or ``(n, S)``, with the mean off, in the model's layout, float32."""
        scaled = (windows.astype(np.float32) - self._mean) / self._std
        if self._layout == 'NS':
            return scaled
        axes, scaled = ('NTHWC', scaled) if 'T' in self._layout else ('NHWC', scaled[:, 0])
        return scaled.transpose([axes.index(letter) for letter in self._layout])

    def _run(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs → ``(n, C)`` float32."""
        try:
            (outputs,) = self._session.run([self._output], {self._input.name: inputs.astype(TYPES[self._input.type])})
        except Exception as error:  # onnxruntime's own kinds have no common base
            raise UserInputError(f'{self._path} fails at an input {list(inputs.shape)}: {error}') from error
        if outputs.ndim < 2 or len(outputs) != len(inputs):
            raise UserInputError(f'{self._path} gives {self._output} {list(outputs.shape)}, not (n, channels, …)')
        return outputs.reshape(*outputs.shape[:2], -1).mean(axis=2, dtype=np.float32)
