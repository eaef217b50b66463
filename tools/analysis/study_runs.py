"""The runs of a study, one after the other or several side by side; what they leave is gathered in their results."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from mmengine.config import Config
from model_runs import count_parts
from study_file import Run

import mmdel
from mmdel.datasets.transforms.shaping import Shaping
from mmdel.utils.check_config import check_config
from mmdel.utils.checkpoints import latest_checkpoint
from mmdel.utils.cores import num_cores
from mmdel.utils.errors import Interrupted, UserInputError
from mmdel.utils.read_config import in_config

OUTPUT_FILE = 'output.txt'
POLL_SEC = 1.0
NUM_STEPS = 224  # of the video whose operations are counted, where the config does not say a length
STARTS = '[0-9]*_[0-9]*'  # mmengine's folders of a work directory, by the time of each start


class Process(Protocol):
    """What is asked of a process that trains or tests, as of :class:`subprocess.Popen`."""

    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def send_signal(self, signum: int) -> None: ...
    def kill(self) -> None: ...


Launch = Callable[[list[str], Path, int], Process]


@dataclasses.dataclass
class Job:
    """A run under way.

    Attributes:
        process: Its process.
        title: What its lines begin with.
        begun: When it was started, in seconds.
        first_epoch: The last that had been validated by then.
        epoch: The last that was told of.
        commit: Of the code that it was started with.
    """

    process: Process
    title: str
    begun: float
    first_epoch: int
    epoch: int
    commit: str | None


def launch(words: list[str], output: Path, num_threads: int) -> Process:
    """Starts ``mmdel`` with these words, in a session of its own: a Ctrl-C is handed on once, not doubled.

    Args:
        words: Of the command line.
        output: What it prints goes there.
        num_threads: Threads, unless OMP_NUM_THREADS is set already.
    """
    environment = {'OMP_NUM_THREADS': str(num_threads), **os.environ}
    with open(output, 'wb') as file:
        return subprocess.Popen(
            [sys.executable, '-m', 'mmdel', *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )


class StudyRunner:
    """Does the runs of a study that are not done.

    Args:
        runs: All runs, as :meth:`Study.runs` gives them.
        metric: The metric that counts.
        launch: Starts a process, see :func:`launch`.
        num_jobs: Processes side by side.
        rerun: Begin anew what was begun or done with another config, and remove what is there.
        amp: What ``--amp`` of each training and test says; None = nothing.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        metric: str,
        launch: Launch,
        num_jobs: int = 1,
        rerun: bool = False,
        amp: str | None = None,
    ) -> None:
        self.runs, self.metric, self.num_jobs, self.rerun, self.launch = runs, metric, num_jobs, rerun, launch
        self.amp = amp
        self.num_threads = max(num_cores() // num_jobs, 1)
        self.sizes: dict[str, dict[str, Any]] = {}  # of the model of each trained row

    def __call__(self) -> list[str]:
        """Does them; what was not to be done, and why, a line each.

        Raises:
            UserInputError: Before anything is started, of a config with a mistake or a folder of something else.
            Interrupted: If a signal has ended it; what was under way goes on next time.
        """
        waiting, left_out = self._to_do()
        self._check(waiting)
        running: dict[Run, Job] = {}
        with _listening():
            try:
                while waiting or running:
                    for run in [run for run in waiting if run.trained not in {*waiting, *running}]:
                        if len(running) < self.num_jobs:
                            waiting.remove(run)
                            self._start(run, running, left_out)
                    for run, job in list(running.items()):
                        status = job.process.poll()
                        self._tell_epoch(run, job)
                        if status is not None:
                            del running[run]
                            self._end(run, job, status, left_out)
                    if running:
                        time.sleep(POLL_SEC)
            except KeyboardInterrupt as error:
                raise self._interruption(error, running) from error
            finally:
                for job in running.values():
                    if job.process.poll() is None:  # a second signal has come
                        job.process.kill()
        return left_out

    def _to_do(self) -> tuple[list[Run], list[str]]:
        """The runs that are not done, and what is to be said of those that cannot be."""
        waiting, left_out = [], []
        for run in self.runs:
            result = run.read()
            if result is None and any(run.folder.glob('[!.]*')):
                raise UserInputError(f'{run.folder} holds files, but no run of a study: name another --work-dir')
            if result is not None and run.is_stale(result) and not self.rerun:
                left_out.append(f'{run}: the result in {run.folder} is of another config: --rerun begins it anew')
                print(left_out[-1], flush=True)
            elif result is not None and not run.is_stale(result) and result.state == 'done':
                print(f'{run}: done before, {self._said(result.last)}', flush=True)
            else:
                waiting.append(run)
        return waiting, left_out

    def _check(self, runs: Sequence[Run]) -> None:
        """Looks for mistakes in the configs before any time is spent, in that of each row once, and counts the models.

        Raises:
            UserInputError: With the row.
        """
        for run in {run.row.name: run for run in runs}.values():
            with in_config(f'row {run.row.name!r}, {run.row.config}'):
                check_config(run.cfg)
            if run.row.line not in self.sizes:
                self.sizes[run.row.line] = size_of((run.trained or run).cfg)

    def _start(self, run: Run, running: dict[Run, Job], left_out: list[str]) -> None:
        """Starts a run, or goes on with it."""
        title = f'[{self.runs.index(run) + 1}/{len(self.runs)}] {run}'
        result = run.read()
        if result is not None and run.is_stale(result):
            shutil.rmtree(run.folder)
        run.write(state='begun')
        try:
            words = _command(run)
        except UserInputError as error:
            run.write(state='failed', error=str(error))
            left_out.append(f'{run}: {error}')
            print(f'{title}: {error}', flush=True)
            return
        resumed = '--resume' in words
        epoch = max(validations(run, self.metric), default=0) if resumed else 0
        print(f'{title}: {"goes on" if resumed else "begins"}, see {run.folder / OUTPUT_FILE}', flush=True)
        words += [] if self.amp is None else ['--amp', self.amp]
        process = self.launch(words, run.folder / OUTPUT_FILE, self.num_threads)
        running[run] = Job(process, title, time.monotonic(), epoch, epoch, commit())

    def _tell_epoch(self, run: Run, job: Job) -> None:
        """Says once what a validation has given."""
        found = {} if run.trained else validations(run, self.metric)
        epoch = max(found, default=0)
        if job.epoch < epoch < run.num_epochs:
            minutes = (time.monotonic() - job.begun) / 60 / (epoch - job.first_epoch) * (run.num_epochs - epoch)
            said = f'epoch {epoch}/{run.num_epochs}, {self._said(found[epoch])}'
            print(f'{job.title}: {said}, {minutes:.1f} min left', flush=True)
            job.epoch = epoch

    def _end(self, run: Run, job: Job, status: int, left_out: list[str]) -> None:
        """Writes down what has come of a run."""
        metrics = validations(run, self.metric)
        facts: dict[str, Any] = dict(
            config=run.row.config,
            cfg_options=run.row.cfg_options,
            commit=job.commit,
            date=time.strftime('%Y-%m-%d'),
            machine=machine(self.num_threads),
            amp=self.amp,
            epochs=run.num_epochs,
            metrics={str(epoch): values for epoch, values in sorted(metrics.items())},
            minutes=minutes_of(run.folder),
        )
        error = _why_failed(run, status)
        if not error and run.num_epochs not in metrics:
            error = f'there is no {self.metric} of epoch {run.num_epochs}'
        if error:
            run.write(state='failed', error=error, **facts)
            left_out.append(f'{run}: {error}')
            print(f'{job.title}: failed: {error}', flush=True)
            return
        run.write(state='done', **facts, **self.sizes[run.row.line])
        print(f'{job.title}: done, {self._said(metrics[run.num_epochs])} after {facts["minutes"]:.1f} min', flush=True)

    def _said(self, metrics: Mapping[str, float]) -> str:
        return f'{self.metric.rpartition("/")[2]} {metrics[self.metric]:.2f}'

    def _interruption(self, error: KeyboardInterrupt, running: dict[Run, Job]) -> Interrupted:
        """Ends what is under way, each with its checkpoint."""
        for job in running.values():
            job.process.send_signal(signal.SIGTERM)  # not SIGINT, which a job in the background may ignore
        for job in running.values():
            job.process.wait()
        num_done = sum((result := run.read()) is not None and result.state == 'done' for run in self.runs)
        signum = error.signum if isinstance(error, Interrupted) else signal.SIGINT
        text = f'stopped: {num_done} of {len(self.runs)} runs are done; the same command goes on where they stand'
        return Interrupted(signum, text)


def _command(run: Run) -> list[str]:
    """Writes the config of a run; the words of ``mmdel`` that train or test it.

    Raises:
        UserInputError: If it tests a training that has not been done, or has left no checkpoint.
    """
    config = run.folder / f'{Path(run.cfg.filename).stem}.py'
    if run.trained is not None:
        result = run.trained.read()
        if result is None or result.state != 'done' or run.trained.is_stale(result):
            raise UserInputError(f'not tested, since its training is not done: {run.trained}')
        checkpoint = latest_checkpoint(str(run.trained.folder))
        if checkpoint is None:
            raise UserInputError(f'not tested, since there is no checkpoint in {run.trained.folder}')
        words = ['test', str(config), checkpoint]
    else:
        # Only where there is something to go on from: --resume would forget the load_from of a config.
        words = ['train', str(config), *(['--resume'] if any(run.folder.glob('*.pth')) else [])]
    Config(run.cfg.to_dict(), format_python_code=False).dump(config)
    return [*words, '--work-dir', str(run.folder)]


def validations(run: Run, metric: str) -> dict[int, dict[str, float]]:
    """The metrics of each validation of a training, or of a test, by epoch; a later start goes before an earlier."""
    found: dict[int, dict[str, float]] = {}
    pattern = f'{STARTS}/{STARTS}.json' if run.trained else f'{STARTS}/vis_data/scalars.json'
    for path in sorted(run.folder.glob(pattern)):
        for line in path.read_text(encoding='utf-8').splitlines():
            with contextlib.suppress(ValueError):  # the line that is being written
                values = json.loads(line)
                if metric in values:
                    epoch = values.get('step', run.num_epochs)
                    found[epoch] = {key: value for key, value in values.items() if '/' in key}
    return found


def minutes_of(folder: Path) -> float:
    """From each start of a run to the last of what it has logged, together."""
    seconds = 0.0
    for start in folder.glob(STARTS):
        logs = [*start.glob('vis_data/scalars.json'), *start.glob('*.log')]
        begun = time.mktime(time.strptime(start.name, '%Y%m%d_%H%M%S'))
        seconds += max((path.stat().st_mtime - begun for path in logs), default=0.0)
    return seconds / 60


def _why_failed(run: Run, status: int) -> str:
    """The last line that a run has printed, or the signal that has ended it; empty if it has ended well."""
    if status < 0:
        return f'ended by {signal.Signals(-status).name}'
    lines = (run.folder / OUTPUT_FILE).read_text(encoding='utf-8', errors='replace').split('\n') if status else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), f'ended with status {status}')
    return re.sub('^error: ', '', last) if status else ''


def size_of(cfg: Config) -> dict[str, Any]:
    """Parameters of a config's model, and the operations for a video of so many steps."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    resize = Shaping.of(dataset.get('pipeline') or ()).resize
    num_steps = resize.length if resize else NUM_STEPS
    parameters, flops, _ = count_parts(cfg, num_steps)
    gflops = flops['all'] / 1e9 if flops else None
    return dict(parameters=parameters['all'], gflops=gflops, num_steps=num_steps)


def commit() -> str | None:
    """The commit of the code, ``-dirty`` where files differ from it; None without git or outside a repository."""
    command = ['git', '-C', str(Path(mmdel.__file__).parent), 'describe', '--always', '--dirty', '--exclude=*']
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def machine(num_threads: int) -> dict[str, Any]:
    """What a run is done on."""
    cpu = platform.processor()
    with contextlib.suppress(OSError):
        names = re.findall(r'^model name\s*: (.*)$', Path('/proc/cpuinfo').read_text(), re.MULTILINE)
        cpu = names[0] if names else cpu
    threads = int(os.environ.get('OMP_NUM_THREADS', num_threads))
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return dict(cpu=cpu, cores=num_cores(), threads=threads, gpu=gpu, torch=torch.__version__)


@contextlib.contextmanager
def _listening() -> Iterator[None]:
    """SIGTERM ends a study as Ctrl-C does."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Interrupted(signum, '')

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
