"""The wiring of every anchor-free detector: backbone, neck, head."""

from __future__ import annotations

from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor

from mmdel.models.detectors.sliding_window import SlidingWindow
from mmdel.registry import MODELS
from mmdel.structures import EventDataSample


@MODELS.register_module()
class EventDetector(BaseModel):
    """A detector of events in feature sequences; DEL is one configuration of it.

    Args:
        backbone: Config; maps the inputs to levels of each stream and their masks.
        neck: Config; maps those to one list of levels and their masks.
        head: Config; has ``forward``, ``loss`` and ``predict``.
        data_preprocessor: Config; as in mmengine.
        test_cfg: ``window``, ``overlap`` and ``batch_size`` of a :class:`SlidingWindow` over the videos that are longer
            than the window, in the mode 'predict'; None predicts a video of any length in one piece.
        init_cfg: As in mmengine.
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
        self.neck = MODELS.build(neck)
        self.head = MODELS.build(head)
        self.sliding_window = SlidingWindow(**test_cfg) if test_cfg else None

    def forward(
        self, inputs: dict[str, Tensor], data_samples: list[EventDataSample] | None = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | list[EventDataSample] | tuple[Tensor, ...]:
        """Runs the model on a preprocessed batch.

        Args:
            inputs: Streams (B, T, C_s) by name, and ``mask`` (B, T).
            data_samples: One for each video; needed in the modes 'loss' and 'predict'.
            mode: 'loss' → dict of losses; 'predict' → the data samples with ``pred_instances``; 'tensor' → what the
                head returns.

        Raises:
            ValueError: If ``mode`` is none of the three.
        """
        if mode not in ('loss', 'predict', 'tensor'):
            raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")
        if mode == 'predict':
            for sample, events in zip(data_samples, self._predict(inputs, data_samples), strict=True):
                sample.pred_instances = events
            return data_samples
        feats, masks = self.neck(*self.backbone(inputs))
        return self.head.loss(feats, masks, data_samples) if mode == 'loss' else self.head(feats, masks)

    def _predict(self, inputs: dict[str, Tensor], data_samples: list[EventDataSample]) -> list[InstanceData]:
        """The events of each video."""
        if self.sliding_window is None or inputs['mask'].shape[1] <= self.sliding_window.window:
            return self.head.predict(*self.neck(*self.backbone(inputs)), data_samples)
        return self.head.finish(*self.sliding_window(self._candidates, inputs), data_samples)

    def _candidates(self, inputs: dict[str, Tensor], own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The candidates of windows, of the points at their own steps (B, T) only."""
        feats, masks = self.neck(*self.backbone(inputs))
        outputs = self.head(feats, masks)
        return self.head.candidates(*outputs, tuple(mask & own[:, :: 2**level] for level, mask in enumerate(masks)))
