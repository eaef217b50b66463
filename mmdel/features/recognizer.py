"""Any recognizer of MMAction2 as an extractor, clip by clip.

N clips of F pictures of H x W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mmdel.features.extractor import Extractor, file_under, register_extractor
from mmdel.media import PictureRate
from mmdel.utils.errors import UserInputError
from mmdel.utils.optional import require

if TYPE_CHECKING:
    from torch import Tensor

HEAD = 'cls_head.'
MAX_CLIPS = 4  # at once


@register_extractor
class RecognizerExtractor(Extractor):
    """Clips of pictures → what a Recognizer2D or Recognizer3D hands to its head, averaged over space and time.

    The pictures are prepared by the config's ``data_preprocessor``; its pipelines are not looked at, so that rate, size
    and sampling of the pictures are to be given as they were in training. Where a backbone has several outputs, as
    SlowFast, they are put side by side.

    A config is a program, and the model's parts are found by its names: no bundle holds this extractor.

    Args:
        config: A config file of MMAction2.
        checkpoint: The model's weights; those of the head are not needed.
        fps: Pictures a second.
        height: H.
        width: W.
        clip_frames: F, pictures of a clip.
        frame_interval: Pictures from one of a clip to the next.
        stride: Pictures from the start of one clip to the next one's.
        root: Folder that both files are relative to.
        fit: How pictures of another shape come to the size, see :class:`~mmdel.media.PictureRate`.

    Raises:
        UserInputError: If a file cannot be read, the config is of no such recognizer, or the weights are of another.
    """

    file_arguments = ('config', 'checkpoint')
    runs_code = True

    def __init__(
        self,
        config: str,
        checkpoint: str,
        fps: float = 30.0,
        height: int = 224,
        width: int = 224,
        clip_frames: int = 16,
        frame_interval: int = 1,
        stride: int = 16,
        root: str | None = None,
        fit: Literal['stretch', 'crop', 'pad'] = 'crop',
    ) -> None:
        self._model = load_recognizer(file_under(root, config), file_under(root, checkpoint))
        self._is_2d = self._model.data_preprocessor.format_shape == 'NCHW'
        self._interval = frame_interval
        blank = np.zeros((1, clip_frames, height, width, 3), np.uint8)
        channels = self._features(blank).shape[1]
        super().__init__(PictureRate(fps, height, width, fit), stride, clip_frames * frame_interval, channels)

    def to(self, device: str) -> RecognizerExtractor:
        """The extractor, with its model on a device."""
        self._model = self._model.to(device)
        return self

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Pictures ``(…, H, W, 3)`` uint8 → steps ``(N, C)``, see :class:`~mmdel.features.Extractor`."""
        clips = self.windows(frames)[:, :: self._interval]
        parts = [clips[first : first + MAX_CLIPS] for first in range(0, len(clips), MAX_CLIPS)]
        return np.concatenate([self._features(part) for part in parts])

    def _features(self, clips: np.ndarray) -> np.ndarray:
        """Clips ``(N, F, H, W, 3)`` → ``(N, C)``."""
        import torch

        axes = (0, 1, 4, 2, 3) if self._is_2d else (0, 4, 1, 2, 3)
        inputs = torch.from_numpy(np.ascontiguousarray(clips.transpose(axes)))
        inputs = inputs if self._is_2d else inputs[:, None]  # (N, F, C, H, W) or (N, 1, C, F, H, W)
        if self._model.data_preprocessor.to_rgb:  # it expects them in the order of OpenCV
            inputs = inputs.flip(2)
        data = dict(inputs=list(inputs), data_samples=None)
        with torch.inference_mode():
            inputs = self._model.data_preprocessor(data)['inputs']
            maps = self._model.extract_feat(inputs, stage='neck')[0]
        pooled = [pool(x, len(clips)) for x in tensors_of(maps)]
        return torch.cat(pooled, dim=1).float().cpu().numpy()


def load_recognizer(config: str, checkpoint: str) -> Any:
    """The model of a config with the weights of a checkpoint, for inference.

    Raises:
        UserInputError: See :class:`RecognizerExtractor`.
    """
    require('mmaction.models', 'lite')  # its parts register themselves
    from mmaction.registry import MODELS
    from mmengine.registry import DefaultScope

    from mmdel.utils.checkpoints import read_checkpoint
    from mmdel.utils.read_config import read_config

    cfg = read_config(config)
    model_cfg: Any = cfg.get('model') or {}
    if model_cfg.get('type') not in ('Recognizer2D', 'Recognizer3D', 'mmaction.Recognizer2D', 'mmaction.Recognizer3D'):
        raise UserInputError(f'{config}: model should be a Recognizer2D or Recognizer3D, not {model_cfg.get("type")!r}')
    if isinstance(model_cfg.get('backbone'), dict) and 'pretrained' in model_cfg.backbone:
        model_cfg.backbone.pretrained = None  # the checkpoint has all
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(model_cfg)
    kind = getattr(model.data_preprocessor, 'format_shape', None)
    if kind not in ('NCHW', 'NCTHW'):
        raise UserInputError(f'{config}: format_shape of data_preprocessor should be NCHW or NCTHW, not {kind!r}')
    state = read_checkpoint(checkpoint)
    state, own = state.get('state_dict', state), model.state_dict()
    names = [name for name in {**own, **state} if not name.startswith(HEAD)]
    wrong = [x for x in names if not (x in own and x in state and own[x].shape == state[x].shape)]
    if wrong:
        more = f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''
        raise UserInputError(f'{checkpoint} holds weights of another model than {config}: {", ".join(wrong[:3])}{more}')
    model.load_state_dict({name: state[name] for name in names}, strict=False)
    return model.eval()


def tensors_of(maps: Any) -> Iterator[Tensor]:
    """The tensors of a nest of tuples and lists."""
    if isinstance(maps, list | tuple):
        for inner in maps:
            yield from tensors_of(inner)
    else:
        yield maps


def pool(x: Tensor, num_clips: int) -> Tensor:
    """``(N * F, C, …)``, ``(N, C, …)`` or, of a transformer, ``(N, L, C)`` → ``(N, C)`` means."""
    x = x.mean(dim=1) if x.ndim == 3 else x.flatten(2).mean(dim=2) if x.ndim > 3 else x
    return x.reshape(num_clips, -1, x.shape[-1]).mean(dim=1)
