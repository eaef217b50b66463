"""The wiring of every anchor-free detector: backbone, neck, head."""

from __future__ import annotations

import math

from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor

from mmdel.models.detectors.sliding_window import SlidingWindow
from mmdel.models.detectors.window_stream import WindowStream
from mmdel.models.heads import EventHead
from mmdel.registry import MODELS
from mmdel.structures import EventDataSample, StreamBatch
from mmdel.utils.derived import build_derived


@MODELS.register_module()
class EventDetector(BaseModel):
    """A detector of events in feature sequences; DEL is one configuration of it.

    What a part's arguments must be for it to fit the others is filled in, or checked where the config says it: the
    neck's ``in_channels`` and ``num_levels`` follow from the backbone's ``out_channels`` and ``num_levels``, its
    ``num_classes`` from the head's config, the head's ``in_channels`` from the neck's ``out_channels``.

    Args:
        backbone: Config; maps the inputs to levels of each stream and their masks.
        neck: Config; maps those to one list of levels and their masks.
        head: Config of an :class:`~mmdel.models.heads.EventHead`.
        data_preprocessor: Config; as in mmengine.
        test_cfg: ``window``, ``overlap`` and ``batch_size`` of a :class:`SlidingWindow` over the videos that are longer
            than the window, in the mode 'predict'; None predicts a video of any length in one piece.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If the parts do not fit together in channels, levels or classes.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        num_levels = getattr(self.backbone, 'num_levels', None)
        self.neck = build_derived(
            MODELS,
            'neck',
            neck,
            in_channels=getattr(self.backbone, 'out_channels', None),
            num_levels=num_levels,
            num_classes=head.get('num_classes'),
        )
        self.head: EventHead = build_derived(MODELS, 'head', head, in_channels=getattr(self.neck, 'out_channels', None))
        if num_levels not in (None, self.head.num_levels):
            raise ValueError(
                f'backbone.num_levels is {num_levels}, head.num_levels {self.head.num_levels}: each level needs its '
                'regression range in the head'
            )
        self.sliding_window = SlidingWindow(**test_cfg) if test_cfg else None

    def forward(
        self, inputs: StreamBatch, data_samples: list[EventDataSample] | None = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | list[EventDataSample] | tuple[Tensor, ...]:
        """Runs the model on a preprocessed batch.

        Args:
            inputs: Streams (B, T, C_s) and mask (B, T).
            data_samples: One for each video; needed in the modes 'loss' and 'predict'.
            mode: 'loss' → dict of losses; 'predict' → the data samples with ``pred_instances``; 'tensor' → what the
                head returns.

        Raises:
            ValueError: If ``mode`` is none of the three.
        """
        if mode not in ('loss', 'predict', 'tensor'):
            raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")
        if mode == 'tensor':
            return self.head(*self._pyramid(inputs))
        assert data_samples is not None, f'the mode {mode!r} needs data samples'
        if mode == 'loss':
            return self.head.loss(*self._pyramid(inputs), data_samples)
        for sample, events in zip(data_samples, self._predict(inputs, data_samples), strict=True):
            sample.pred_instances = events
        return data_samples

    def _pyramid(self, inputs: StreamBatch) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What the head reads: L levels (B, D, T_l) and masks (B, T_l)."""
        return self.neck(*self.backbone(inputs))

    def open_stream(self) -> WindowStream:
        """Takes the steps of one long video, and gives its events; needs ``test_cfg``."""
        assert self.sliding_window is not None, 'there are no windows without test_cfg'
        return WindowStream(self.sliding_window, self.backbone, self.neck, self.head)

    def _predict(self, inputs: StreamBatch, data_samples: list[EventDataSample]) -> list[InstanceData]:
        """The events of each video: of the short ones together, of the long ones in windows."""
        window = math.inf if self.sliding_window is None else self.sliding_window.window
        if inputs.mask.shape[1] <= window:
            return self.head.predict(*self._pyramid(inputs), data_samples)
        lengths = [sample.num_steps for sample in data_samples]  # not the mask's, which lies on the device
        short = [video for video, length in enumerate(lengths) if length <= window]
        found = {}
        if short:
            longest = max(lengths[video] for video in short)
            streams = {name: x[short, :longest] for name, x in inputs.streams.items()}
            feats, masks = self._pyramid(StreamBatch(streams, inputs.mask[short, :longest]))
            events = self.head.predict(feats, masks, [data_samples[video] for video in short])
            found = dict(zip(short, events, strict=True))
        for video, length in enumerate(lengths):
            if video not in found:
                stream = self.open_stream()
                stream.push({name: x[video, :length] for name, x in inputs.streams.items()})
                found[video] = stream.finish(data_samples[video])
        return [found[video] for video in range(len(lengths))]
