"""What the published torch, mmengine and mmaction2 wheels need to work together.

Two repairs, each inert where nothing is broken:

- The wheel of mmaction2 1.2.0 lacks the folder ``mmaction/models/localizers/drn`` and imports ``importlib_metadata``
  without declaring it, so ``import mmaction.models`` fails on a plain install, and with it every look-up under
  ``default_scope='mmaction'``. A finder at the very end of ``sys.meta_path`` answers for exactly these names, hence
  only when nothing else could; it costs nothing until they are imported.
- torch >= 2.6 loads checkpoints with ``weights_only=True``, and mmengine writes its log history into them. Exactly
  the types of that history are allow-listed; a checkpoint that holds anything else is still refused.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_DRN_PACKAGE = 'mmaction.models.localizers.drn'
_DRN_MODULE = f'{_DRN_PACKAGE}.drn'


def apply() -> None:
    """Apply every repair that this installation needs; called once by ``import mmdel``."""
    if not any(isinstance(finder, _PlaceholderFinder) for finder in sys.meta_path):
        sys.meta_path.append(_PlaceholderFinder())
    _allow_log_history_in_checkpoints()


class _PlaceholderFinder(MetaPathFinder):
    """Finds a placeholder for the modules that mmaction2's wheel should have brought."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        fill = {
            'importlib_metadata': _fill_importlib_metadata,
            _DRN_PACKAGE: _fill_drn_package,
            _DRN_MODULE: _fill_drn_module,
        }.get(fullname)
        if fill is None:
            return None
        return ModuleSpec(fullname, _PlaceholderLoader(fill), is_package=fullname == _DRN_PACKAGE)


class _PlaceholderLoader(Loader):
    """Makes an empty module and lets ``fill`` put the contents in."""

    def __init__(self, fill: Any) -> None:
        self.fill = fill

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self.fill(module)


def _fill_importlib_metadata(module: ModuleType) -> None:
    """``importlib_metadata`` is the backport of this part of the standard library."""
    from importlib import metadata

    public = {name: value for name, value in vars(metadata).items() if not name.startswith('_')}
    vars(module).update(public, __doc__=metadata.__doc__)


def _fill_drn_package(module: ModuleType) -> None:
    module.__doc__ = 'Placeholder for a package that the wheel of mmaction2 1.2.0 does not contain.'


def _fill_drn_module(module: ModuleType) -> None:
    from mmaction.registry import MODELS

    class DRN:
        """Placeholder for the localizer that the wheel of mmaction2 1.2.0 does not contain."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise ImportError(
                'DRN is not part of the published mmaction2 1.2.0 wheel, which lacks mmaction/models/localizers/drn; '
                'install mmaction2 from its source repository to use it.'
            )

    DRN.__module__, DRN.__qualname__ = module.__name__, 'DRN'
    MODELS.register_module(module=DRN)
    vars(module).update(DRN=DRN, __doc__=DRN.__doc__)


def _log_history_attribute(owner: Any, name: str) -> Any:
    """Stands in for ``builtins.getattr`` while a checkpoint is read; knows the statistics of a HistoryBuffer only.

    mmengine's ``HistoryBuffer`` pickles its table of statistics methods, and methods pickle as
    ``getattr(HistoryBuffer, 'mean')``.

    Raises:
        ValueError: If the checkpoint asks for any other attribute, or of any other object.
    """
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise ValueError(f'the checkpoint asks for the attribute {name!r} of {owner!r}, which is not allowed')
    return getattr(HistoryBuffer, name)


def _allow_log_history_in_checkpoints() -> None:
    """Let ``torch.load(weights_only=True)`` read what mmengine writes besides weights: numbers in HistoryBuffers."""
    import numpy as np
    import torch
    from mmengine.logging import HistoryBuffer
    from mmengine.utils import digit_version

    if digit_version(torch.__version__) < digit_version('2.6.0'):
        return  # Older torch does not restrict what a checkpoint may hold.
    numbers: list[Any] = [np.dtype(kind) for kind in ('bool', 'int32', 'int64', 'float32', 'float64')]
    multiarray = sys.modules[np.ndarray.__reduce__(np.empty(0))[0].__module__]  # numpy._core since numpy 2
    rebuild_array, rebuild_scalar = multiarray._reconstruct, multiarray.scalar
    allowed: list[Any] = [
        HistoryBuffer,
        np.ndarray,
        np.dtype,
        *(type(dtype) for dtype in numbers),
        (_log_history_attribute, 'builtins.getattr'),
    ]
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # written by numpy 1 and by numpy 2
        allowed += [(rebuild_array, f'{module}._reconstruct'), (rebuild_scalar, f'{module}.scalar')]
    torch.serialization.add_safe_globals(allowed)
