"""What the published torch, mmengine and mmaction2 wheels need to work together.

Five repairs, each inert where nothing is broken:

- The wheel of mmaction2 1.2.0 lacks the folder ``mmaction/models/localizers/drn`` and imports ``importlib_metadata``
  without declaring it, so ``import mmaction.models`` fails on a plain install, and with it every look-up under
  ``default_scope='mmaction'``. A finder at the very end of ``sys.meta_path`` answers for exactly these names, hence
  only when nothing else could; it costs nothing until they are imported.
- mmaction2 1.2.0 imports its models of pictures and texts (VindLU) wherever it finds a package ``transformers`` of 4.28
  or later, and they need names that later ones lack: ``import mmaction.models`` fails. Here placeholders take their
  names, as where there is no ``transformers``, and say why when they are built.
- torch >= 2.6 loads checkpoints with ``weights_only=True``, and mmengine writes its log history into them: numpy arrays
  and methods, which are refused. Here it writes them as plain numbers. To admit numpy's types instead would let a file
  build arrays over any memory (an array type or dtype that can be called or given a state is enough), so none is. A
  checkpoint that was written without this is converted by ``mmdel.utils.old_checkpoint``.
- A config names its bases by paths that start from its own folder, so that a copy of one of this project's configs
  elsewhere finds none of them. A base that is not there is looked for in this project's ``configs``, and so is
  ``mmdel::path``: mmengine's own ``package::path`` knows OpenMMLab's packages only, and asks ``pkg_resources``, which
  newer setuptools lack.
- mmengine formats the text of a config anew for every checkpoint and three times before a training, which takes a
  third of a second and more each time. Here it is formatted once.

``import mmdel`` imports none of the three: what changes mmengine is done as soon as it is imported, whoever imports it.
So what needs neither (:mod:`mmdel.runtime`) runs without them, and nothing that needs the repairs runs without those.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

SHIPPED_CONFIGS = Path(__file__).parent / '.mim/configs'
_DRN_PACKAGE = 'mmaction.models.localizers.drn'
_DRN_MODULE = f'{_DRN_PACKAGE}.drn'
_MULTIMODAL = 'mmaction.models.multimodal'


def apply() -> None:
    """Apply every repair that this installation needs, now or when it becomes possible; ``import mmdel`` calls it."""
    if any(isinstance(finder, _PlaceholderFinder) for finder in sys.meta_path):
        return
    sys.meta_path.append(_PlaceholderFinder())
    sys.meta_path.insert(0, _RepairingFinder())
    if 'mmengine' in sys.modules:
        _repair_mmengine()


def _repair_mmengine() -> None:
    _write_plain_log_histories()
    _look_for_bases_in_the_project()
    _format_each_config_once()


class _RepairingFinder(MetaPathFinder):
    """Finds what is to be repaired as Python does, and has it repaired once it is imported."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        run = {'mmengine': _run_mmengine, _MULTIMODAL: _run_multimodal}.get(fullname)
        if run is None:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _RepairingLoader(spec.loader, run)
        return spec


class _RepairingLoader(Loader):
    """Hands a module and its own loader to ``run``, which runs and repairs it."""

    def __init__(self, loader: Loader, run: Callable[[Loader, ModuleType], None]) -> None:
        self.loader, self.run = loader, run

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__loader__ = module.__spec__.loader = self.loader  # resources are asked of it
        self.run(self.loader, module)


def _run_mmengine(loader: Loader, module: ModuleType) -> None:
    loader.exec_module(module)
    _repair_mmengine()


def _run_multimodal(loader: Loader, module: ModuleType) -> None:
    try:
        loader.exec_module(module)
    except Exception as error:  # whatever another version of transformers comes to
        from mmaction.registry import MODELS

        for name in ('VindLUVQA', 'VindLURetrievalMC', 'VindLURetrieval'):
            MODELS.register_module(name=name, module=_refuse(name, error), force=True)


def _refuse(name: str, cause: Exception) -> Callable[..., None]:
    """What is registered in the place of a model that could not be imported."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ImportError(f'{name} needs another version of the package transformers than there is: {cause}') from cause

    return refuse


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


def _restore_log_history(log: list[float], counts: list[float], max_length: int) -> Any:
    """The ``HistoryBuffer`` that a checkpoint describes by plain numbers.

    Raises:
        UnpicklingError: If it describes it by anything else.
    """
    from mmengine.logging import HistoryBuffer

    columns = (log, counts)
    if (
        not all(type(column) is list for column in columns)
        or not all(type(number) in (bool, int, float) for column in columns for number in column)
        or type(max_length) is not int
        or not len(log) == len(counts) <= max_length
    ):
        raise UnpicklingError('the log history of the checkpoint is not a list of numbers and their counts')
    return HistoryBuffer(log, counts, max_length)


def _reduce_log_history(buffer: Any) -> tuple[Any, ...]:
    """How a ``HistoryBuffer`` is pickled and copied: by plain numbers, of which nothing can be made but numbers."""
    log, counts = buffer.data
    return _restore_log_history, (log.tolist(), counts.tolist(), buffer.max_length)


def _plain(value: Any) -> Any:
    """``value`` with Python's numbers in the place of numpy's, inside of dicts, lists and tuples too."""
    import numpy as np

    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return value


def _write_plain_log_histories() -> None:
    """Let what mmengine writes besides weights consist of plain numbers, which ``weights_only=True`` reads.

    The only thing that is admitted to checkpoints for it is :func:`_restore_log_history`.
    """
    if find_spec('torch') is None:  # nothing reads or writes a checkpoint
        return
    import torch
    from mmengine.logging import HistoryBuffer, MessageHub
    from mmengine.utils import digit_version

    if digit_version(torch.__version__) < digit_version('2.6.0') or '__reduce__' in vars(HistoryBuffer):
        return  # Older torch does not restrict what a checkpoint may hold.
    HistoryBuffer.__reduce__ = _reduce_log_history
    state_dict = MessageHub.state_dict

    def plain_state_dict(hub: MessageHub) -> dict[str, Any]:
        state = state_dict(hub)
        return {**state, 'runtime_info': _plain(state['runtime_info'])}

    MessageHub.state_dict = plain_state_dict
    torch.serialization.add_safe_globals([_restore_log_history])


def _look_for_bases_in_the_project() -> None:
    """Let a base of a config that is not where the config says be found in this project's ``configs``."""
    from mmengine.config import Config

    find_base = Config._get_cfg_path
    if find_base.__module__ == __name__:
        return

    def find_base_or_ours(cfg_path: str, filename: str) -> tuple[str, str | None]:
        name = cfg_path.removeprefix('mmdel::')
        ours = SHIPPED_CONFIGS / name
        if name != cfg_path or (ours.is_file() and not Path(filename).parent.joinpath(name).exists()):
            return str(ours), None
        return find_base(cfg_path, filename)

    Config._get_cfg_path = staticmethod(find_base_or_ours)


def _format_each_config_once() -> None:
    """Let mmengine remember the last text that it has formatted."""
    from mmengine.config import config as module

    format_code = module.FormatCode
    if format_code.__module__ == __name__:
        return

    last: dict[str, Any] = {}

    def format_once(text: str, **style: Any) -> Any:
        if text not in last:
            last.clear()
            last[text] = format_code(text, **style)  # always in the same style
        return last[text]

    module.FormatCode = format_once


def checkpoint_without_reentry() -> None:
    """Let mmengine's ``activation_checkpointing`` use the variant of torch's that works with any inputs and outputs.

    It does not say which, and torch then takes the one that sees no gradient of tensors in dicts and tuples. Not a part
    of :func:`apply`, since it imports mmengine's runner.
    """
    from functools import partial

    from mmengine.runner import activation_checkpointing
    from torch.utils.checkpoint import checkpoint

    if activation_checkpointing.checkpoint is checkpoint:
        activation_checkpointing.checkpoint = partial(checkpoint, use_reentrant=False)
