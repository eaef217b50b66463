"""What a study is: the rows and seeds that its file lists, as runs, each with its config, its folder and its result."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config, ConfigDict

from mmdel.utils.config_options import merge_options, read_keys
from mmdel.utils.config_values import is_known_constructor
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json, write_json
from mmdel.utils.names import file_name, nearest
from mmdel.utils.read_config import read_config

RESULT_FILE = 'result.json'
# What a config says of where and how a run is done, and not of what: no part of its hash.
OF_THE_RUN = {'launcher', 'log_level', 'resume', 'work_dir'}
PLACES = {'root', 'streams'}  # and what ends in _file: of a path that they hold, the name alone is of the config
NO_WEIGHT = {'data_root', 'with_cp', 'activation_checkpointing'}  # what changes none


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: As the table has it; that of a test is made of ``test_of`` and ``at``.
        config: A config file, or the name of one that comes with mmdel.
        cfg_options: What is changed in it, by dotted keys.
        test_of: The row whose last checkpoints are tested; None: the row is trained.
        at: The condition that it was done under, such as ``'4 steps late'``: rows are compared with the reference at
            the same, and a picture draws lines over the conditions.
    """

    name: str
    config: str
    cfg_options: dict[str, Any]
    test_of: str | None = None
    at: str | None = None

    @property
    def line(self) -> str:
        """The trained row that this one is, or is a test of."""
        return self.test_of or self.name


@dataclasses.dataclass(frozen=True)
class Result:
    """What has come of a run, as its ``result.json`` tells.

    Attributes:
        row: Name of the row.
        seed: Seed of the run, for a test that of the training.
        config_hash: Of the config that it was done with, see :func:`hash_config`.
        state: ``'begun'``, ``'failed'`` or ``'done'``.
        error: Of one that failed, the last line that it said.
        config: The config's name, and
        cfg_options: what was changed in it.
        commit: Of the code at its last start, ``-dirty`` where files were changed; None without git.
        date: The day on which it ended.
        machine: Its processor, cores, threads, GPU and PyTorch.
        amp: The number format that was asked for, as of ``--amp``; None: the config's.
        epochs: Epochs of the training.
        metrics: Those of each validation, in percent, by its epoch; of a test its metrics, by the epoch tested.
        parameters: Of the model.
        gflops: Floating-point operations / 10^9 for a video of ``num_steps``; None where the model takes none such.
        num_steps: See there.
        minutes: Wall time from the start of the training, or test, to its last score; all starts together.
    """

    row: str
    seed: int
    config_hash: str
    state: Literal['begun', 'failed', 'done']
    error: str | None = None
    config: str = ''
    cfg_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    commit: str | None = None
    date: str = ''
    machine: dict[str, Any] = dataclasses.field(default_factory=dict)
    amp: str | None = None
    epochs: int = 0
    metrics: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    parameters: int = 0
    gflops: float | None = None
    num_steps: int = 0
    minutes: float = 0.0

    @property
    def last(self) -> dict[str, float]:
        """The metrics of the last epoch: never of the best, which would be chosen by what it is scored on."""
        return self.metrics[str(self.epochs)]


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One row with one seed.

    Attributes:
        row: The row.
        seed: The seed.
        folder: Its work directory.
        cfg: Its config, with all options put in.
        config_hash: See :func:`hash_config`.
        trained: The run whose checkpoint it tests; None of a training.
    """

    row: Row
    seed: int
    folder: Path
    cfg: Config
    config_hash: str
    trained: Run | None

    def __str__(self) -> str:
        return f'{self.row.name}, seed {self.seed}'

    @property
    def num_epochs(self) -> int:
        """Epochs of the training."""
        return self.cfg.train_cfg.max_epochs

    def read(self) -> Result | None:
        """What has come of it so far; None before it is begun.

        Raises:
            UserInputError: If the file of its result is none.
        """
        path = self.folder / RESULT_FILE
        if not path.exists():
            return None
        return _result(read_json(path, 'result of a run'), str(path))

    def write(self, **facts: Any) -> None:
        """Write its result, whole or not at all."""
        result = Result(self.row.name, self.seed, self.config_hash, **facts)
        write_json(self.folder / RESULT_FILE, dataclasses.asdict(result), indent=1)

    def is_stale(self, result: Result) -> bool:
        """Whether a result belongs to another config, or another metric, than the run has now."""
        return result.config_hash != self.config_hash


@dataclasses.dataclass(frozen=True)
class Study:
    """The content of a file of a study.

    Attributes:
        path: The file.
        rows: The rows.
        seeds: Seeds of each row.
        reference: The row that others are compared with; of one trained row its name.
        metric: The metric that counts, whose columns at single tIoUs are called ``metric@…``.
    """

    path: str
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    reference: str
    metric: str

    def runs(self, work_dir: Path) -> list[Run]:
        """All runs in their order: first all rows with the first seed. What is tested comes behind its training.

        Args:
            work_dir: The folder of the study.

        Raises:
            UserInputError: If a config cannot be read or an option does not fit it; with the row.
        """
        configs: dict[str, Config] = {}
        runs: list[Run] = []
        for seed in self.seeds:
            trained: dict[str, Run] = {}
            for row in self.rows:
                try:
                    if row.config not in configs:
                        configs[row.config] = read_config(row.config)
                    cfg = deepcopy(configs[row.config])
                    merge_options(cfg, row.cfg_options)
                    if 'max_epochs' not in (cfg.get('train_cfg') or {}):
                        raise UserInputError('the config says no train_cfg.max_epochs')
                except UserInputError as error:
                    raise UserInputError(f'{self.path}, row {row.name!r}: {error}') from error
                cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}
                (cfg.get('default_hooks', {}).get('checkpoint') or {}).pop('out_dir', None)  # rows would share it
                base = trained[row.test_of] if row.test_of else None
                folder = work_dir / file_name(row.name) / f'seed_{seed}'
                run = Run(row, seed, folder, cfg, hash_config(cfg, self.metric, base.config_hash if base else ''), base)
                trained[row.name] = run
                runs.append(run)
        return runs


def hash_config(cfg: Config, *more: str) -> str:
    """A hash of what a config says, whatever its file is called, its variables are and wherever its data lie.

    Args:
        cfg: The config.
        more: What else the result depends on: the metric, and the hash of the training whose checkpoint is tested.
    """
    content = {key: cfg.to_dict()[key] for key in read_keys() & cfg.keys() - OF_THE_RUN}
    text = json.dumps([_as_learned(content), *more], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _as_learned(node: Any) -> Any:
    """The same, but for the folders that paths lead through and what changes no weight."""
    if isinstance(node, Mapping):
        return {
            key: Path(value).name
            if isinstance(value, str) and (key in PLACES or str(key).endswith('_file'))
            else _as_learned(value)
            for key, value in node.items()
            if key not in NO_WEIGHT and not (key == 'constructor' and is_known_constructor(value))
        }
    return [_as_learned(value) for value in node] if isinstance(node, list | tuple) else node


def take_over(runs: Sequence[Run], path: str) -> None:
    """Gives runs that have no folder yet the results that ``study.py --json`` has written, anywhere.

    Those of another config are named and left out.

    Raises:
        UserInputError: If the file is none such.
    """
    content = read_json(path, 'file of results')
    found = content.get('results') if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise UserInputError(f'{path} has no list of results: expected a file that study.py --json has written')
    results = [_result(item, f'{path}, results[{number}]') for number, item in enumerate(found)]
    for run in runs:
        result = next((item for item in results if (item.row, item.seed) == (run.row.name, run.seed)), None)
        if result is None or run.folder.exists():  # whose files are another's, or a run's that is under way
            continue
        if run.is_stale(result):
            print(f'{run}: the result in {path} is of another config, and is left out', flush=True)
        else:
            write_json(run.folder / RESULT_FILE, dataclasses.asdict(result), indent=1)


def _result(content: Any, place: str) -> Result:
    """The result that was read there.

    Raises:
        UserInputError: If it is none.
    """
    try:
        result = Result(**content)
        if result.state == 'done':
            _ = result.last
    except (AttributeError, KeyError, TypeError) as error:
        raise UserInputError(f'{place} is no result of a run of a study: {error!r}') from error
    return result


def read_study(path: str) -> Study:
    """The study of a file, which is read as a config is.

    It says ``rows``, a list of dicts with what :class:`Row` has, and may say ``seeds`` ([0]), ``reference`` (the first
    row), ``metric`` ('event/mAP') and ``cfg_options`` of all rows. A row with ``test_of`` begins from that row's config
    and options. Names that begin with ``_`` are the file's own.

    Raises:
        UserInputError: If it is no such file; with the row and the key.
    """
    content = {key: _plain(value) for key, value in read_config(path).items() if not key.startswith('_')}
    _require_keys(path, content, {'rows', 'seeds', 'reference', 'metric', 'cfg_options'})
    listed, seeds = content.get('rows'), content.get('seeds', [0])
    if not isinstance(listed, list) or not listed or not all(isinstance(row, dict) for row in listed):
        raise UserInputError(f'{path}, rows: expected a list of dicts, got {listed!r}')
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise UserInputError(f'{path}, seeds: expected a list of whole numbers, got {seeds!r}')
    rows = _read_rows(path, listed, content.get('cfg_options', {}))
    trained = [row.name for row in rows if row.test_of is None]
    reference = content.get('reference', trained[0])
    if reference not in trained:
        raise UserInputError(
            f'{path}, reference: no trained row is called {reference!r}{nearest(str(reference), set(trained))}'
        )
    return Study(path, rows, tuple(dict.fromkeys(seeds)), reference, content.get('metric', 'event/mAP'))


def _read_rows(path: str, listed: Sequence[dict], common: dict[str, Any]) -> tuple[Row, ...]:
    """The rows of a file, each with all of its options."""
    rows: dict[str, Row] = {}
    for number, row in enumerate(listed, 1):
        where = f'{path}, row {number}'
        _require_keys(where, row, {field.name for field in dataclasses.fields(Row)})
        base = rows.get(str(row.get('test_of')))
        if 'test_of' in row and (base is None or base.test_of is not None):
            trained = ', '.join(name for name, other in rows.items() if other.test_of is None) or 'none'
            raise UserInputError(
                f'{where}, test_of: no trained row above is called {row["test_of"]!r}; there is {trained}'
            )
        options = {**(base.cfg_options if base else common), **row.get('cfg_options', {})}
        needed = ('at',) if base else ('name', 'config')
        for key in needed:
            if not isinstance(row.get(key), str) or not row[key]:
                raise UserInputError(f'{where}, {key}: expected a text, got {row.get(key)!r}')
        name = row.get('name') or f'{base.name if base else ""}, {row["at"]}'
        if name in rows:
            raise UserInputError(f'{where}: another row is called {name!r}, too')
        rows[name] = Row(
            name, row.get('config', base.config if base else ''), options, row.get('test_of'), row.get('at')
        )
    return tuple(rows.values())


def _require_keys(where: str, found: dict, known: set[str]) -> None:
    for key in found.keys() - known:
        raise UserInputError(f'{where}: unknown key {key!r}{nearest(key, known)}; expected {", ".join(sorted(known))}')


def _plain(value: Any) -> Any:
    """Without mmengine's own kind of dict."""
    if isinstance(value, dict | ConfigDict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
