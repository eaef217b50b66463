"""The wiring of every anchor-free detector: backbone, neck, head."""

from __future__ import annotations

from mmengine.model import BaseModel
from torch import Tensor

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
        init_cfg: As in mmengine.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.head = MODELS.build(head)

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
        feats, masks = self.neck(*self.backbone(inputs))
        if mode == 'tensor':
            return self.head(feats, masks)
        if mode == 'loss':
            return self.head.loss(feats, masks, data_samples)
        for sample, events in zip(data_samples, self.head.predict(feats, masks, data_samples), strict=True):
            sample.pred_instances = events
        return data_samples
