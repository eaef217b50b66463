"""Necks one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.registry import MODELS
from mmdel.utils.derived import build_derived


@MODELS.register_module()
class NeckChain(BaseModule):
    """Necks one behind the other: the first joins the streams, and each of the others reads one stream, ``joint``.

    Args:
        necks: Their configs, one or more; what follows from the parts before them is filled in.
        in_channels: Channels of each stream by its name, in the order of concatenation.
        num_levels: Levels L.
        num_classes: Classes C, for necks that ask for them.
        init_cfg: As in mmengine.

    Attributes:
        out_channels: Channels of every level, those of the last neck.

    Raises:
        ValueError: If there is no neck, or one contradicts what is before it.
    """

    def __init__(
        self,
        necks: Sequence[dict],
        in_channels: dict[str, int],
        num_levels: int | None = None,
        num_classes: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not necks:
            raise ValueError('necks must be one or more')
        parts = []
        for place, cfg in enumerate(necks):
            derived = dict(in_channels=in_channels, num_levels=num_levels, num_classes=num_classes)
            parts.append(build_derived(MODELS, f'necks[{place}]', cfg, **derived))
            in_channels = dict(joint=parts[-1].out_channels)
        self.necks = nn.ModuleList(parts)
        self.out_channels = in_channels['joint']

    def widen(self, reaches: Sequence[int]) -> tuple[int, ...] | None:
        """How far the outputs see if the inputs see so far, for each level in steps of the finest; None = all."""
        wide: tuple[int, ...] | None = tuple(reaches)
        for neck in self.necks:
            widen = getattr(neck, 'widen', None)
            wide = None if wide is None or widen is None else widen(wide)
        return wide

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D_s, T_l), masks (B, T_l) → L levels (B, D', T_l) of the last neck, and the masks."""
        levels: tuple[Tensor, ...] = ()
        for neck in self.necks:
            levels, masks = neck(feats, masks)
            feats = dict(joint=levels)
        return levels, masks
