"""An optimizer whose parameters stand together where they are treated alike."""

from __future__ import annotations

from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmdel.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class GroupedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's default constructor, with one group for all parameters of the same options instead of one for each.

    An optimizer calls its kernel once for a group, and a schedule sets the rate of one after the other. The steps are
    the same; a state that was saved with other groups does not fit.
    """

    def add_params(self, params: list[dict], module: nn.Module, prefix: str = '', **options: Any) -> None:
        """As mmengine's, which calls it for every module within; ``params`` is changed in place.

        Raises:
            ValueError: If a parameter comes twice, as torch says of two groups but not of one.
        """
        super().add_params(params, module, prefix=prefix, **options)
        if prefix:
            return
        found = [parameter for group in params for parameter in group['params']]
        if len({*found}) < len(found):
            raise ValueError('modules share parameters: paramwise_cfg.bypass_duplicate=True takes each once')
        groups: dict[str, dict] = {}
        for group in params:
            settings = {key: value for key, value in group.items() if key != 'params'}
            same = groups.setdefault(repr(sorted(settings.items())), dict(params=[], **settings))
            same['params'] += group['params']
        params[:] = groups.values()
