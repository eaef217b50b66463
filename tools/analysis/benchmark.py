"""Speed, memory, parameters and operations of a model, held against a plain reference in the same process.

The reference (naive_del.py) is DEL as its formulas read: float32, dense masks, one video and one class after the other,
with the model's own parameters. Both run in turns; a ratio is the median of those of the turns. Where the reference
would not fit into memory, the ratios are to the first number format.

Examples:
    python tools/analysis/benchmark.py configs/del_unav100.py
    python tools/analysis/benchmark.py configs/del_thumos14.py --steps 2304 18432 --batch-sizes 1 --plot speed.png
    python tools/analysis/benchmark.py configs/*.py --counts
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import logging
import operator
import platform
import time
from collections.abc import Iterator
from statistics import median

import torch
from benchmarking import random_batch
from mmengine.config import Config
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from model_runs import (
    NUMBER_FORMATS,
    ModelRun,
    NaiveRun,
    OwnRun,
    Trainer,
    count_parts,
    peak_bytes,
    seconds_of,
)
from naive_del import has_reference
from terminaltables import AsciiTable

from mmdel.utils.command_line import load_config, require_writable
from mmdel.utils.config_options import add_config_options
from mmdel.utils.files import write_json
from mmdel.utils.number_format import has_bfloat16
from mmdel.utils.run_command import run_command

TASKS = 'forward', 'decode', 'suppress', 'inference', 'step', 'step with contrast'
WITH_MEMORY = 'inference', 'step', 'step with contrast'
NAIVE_MAX_STEPS = 8192  # of all videos of a batch; beyond it, its masks do not fit into memory
REFERENCE = 'reference'


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One task of one implementation; ratios and difference are to the reference, or to the first format without one.

    ``difference`` is the greatest of all classes' scores at all points, before training.
    """

    config: str
    num_steps: int
    batch_size: int
    task: str
    number_format: str  # or 'reference'
    seconds: float
    ratio: float
    peak_bytes: int | None
    memory_ratio: float | None
    difference: float


@dataclasses.dataclass(frozen=True)
class Target:
    """What a quantity must not exceed."""

    num_steps: int
    batch_size: int
    task: str
    quantity: str
    limit: float
    window: int | None


TARGETS = (
    Target(224, 2, 'step', 'ratio', 0.35, None),
    Target(224, 1, 'inference', 'ratio', 0.35, None),
    Target(224, 2, 'step', 'memory_ratio', 0.5, None),
    Target(224, 1, 'inference', 'memory_ratio', 0.5, None),
    Target(2304, 1, 'inference', 'ratio', 0.1, 19),
)
GROWTH_TARGET = (2304, 18432), 8.4


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument('--steps', type=int, nargs='+', default=[224], metavar='T', help='lengths (default: 224)')
    parser.add_argument('--batch-sizes', type=int, nargs='+', default=[1, 2], metavar='B', help='(default: 1 2)')
    parser.add_argument(
        '--formats',
        nargs='+',
        choices=list(NUMBER_FORMATS),
        help='number formats (default: float32, and bf16 where the device has units for it)',
    )
    parser.add_argument('--tasks', nargs='+', choices=TASKS, default=TASKS, help='(default: all)')
    parser.add_argument('--num-events', type=int, default=6, help='events of a video (default: 6)')
    parser.add_argument('--repeats', type=int, default=5, help='timed turns (default: 5)')
    parser.add_argument('--compile', action='store_true', help='compile the model')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='(default: a GPU)')
    parser.add_argument('--counts', action='store_true', help='count parameters and operations, and time nothing')
    parser.add_argument('--json', metavar='FILE', help='write all numbers there')
    parser.add_argument('--plot', metavar='FILE', help='draw time and memory over the length there')
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logging.disable(logging.INFO)  # mmengine tells how every parameter was initialised
    for option in ('json', 'plot'):
        if getattr(args, option):
            require_writable(f'--{option}', getattr(args, option))
    found: list[Measurement] = []
    for path in args.configs:
        cfg = load_config(argparse.Namespace(**vars(args), config=path))
        for num_steps in args.steps:
            print(f'{path}, T = {num_steps}', count_table(cfg, num_steps).table, sep='\n')
        if args.counts:
            continue
        for num_steps in args.steps:
            for batch_size in args.batch_sizes:
                new = list(measure(cfg, path, num_steps, batch_size, args))
                print(time_table(new).table, flush=True)
                found += new
        print_targets(cfg, [one for one in found if one.config == path])
    if args.json:
        write_json(args.json, dict(machine=machine(args.device), measurements=[*map(dataclasses.asdict, found)]))
    if args.plot:
        plot(found, args.plot)


def count_table(cfg: Config, num_steps: int) -> AsciiTable:
    """Parameters and operations of the parts of a model, for one video; or why it takes none of this length."""
    parameters, flops, why_not = count_parts(cfg, num_steps)
    names = [name for name in flops | parameters if name != 'all'] + ['all']
    operations = {name: f'{flops.get(name, 0) / 1e9:,.3f}' if flops else '' for name in names}
    rows = [[name, f'{parameters.get(name, 0):,}', operations[name]] for name in names]
    table = AsciiTable([['part', 'parameters', f'GFLOPs: {why_not}' if why_not else 'GFLOPs'], *rows])
    table.justify_columns |= {1: 'right', 2: 'right'}
    table.inner_footing_row_border = True
    return table


def measure(cfg: Config, path: str, num_steps: int, batch_size: int, args: argparse.Namespace) -> Iterator[Measurement]:
    """All tasks for one length and one size of the batch."""
    device = torch.device(args.device)
    for contrastive in (False, True):
        tasks = [task for task in args.tasks if task.endswith('contrast') == contrastive]
        if not tasks or (contrastive and 'contrast' not in cfg.default_hooks):
            continue
        trainer = Trainer(cfg, contrastive, device)
        torch.manual_seed(0)
        batch = trainer.model.data_preprocessor(random_batch(cfg, batch_size, num_steps, args.num_events), True)
        runs: dict[str, ModelRun] = {}
        if has_reference(trainer.model) and num_steps * batch_size <= NAIVE_MAX_STEPS:
            runs[REFERENCE] = NaiveRun(copy.deepcopy(batch), trainer)
        formats = args.formats or ['float32'] + ['bf16'] * has_bfloat16(device)
        own = {name: OwnRun(name, copy.deepcopy(batch), trainer) for name in formats}
        if args.compile:
            from mmdel.utils.compilation import compile_model

            for model in (trainer.model, *(run.tested for run in own.values())):
                compile_model(model)
        if names := cfg.get('activation_checkpointing'):
            turn_on_activation_checkpointing(trainer.model, names)
        runs |= own
        for run in runs.values():
            run.inference()  # decoding and suppression read what came before
        scores = {name: run.outputs[0].float().sigmoid() for name, run in runs.items()}
        first = next(iter(runs))  # what all are held against
        for task in tasks:
            seconds, memory = measure_task(runs, task, args.repeats, device)
            for name in runs:
                yield Measurement(
                    *(path, num_steps, batch_size, task, name),
                    seconds=median(seconds[name]),
                    ratio=median(map(operator.truediv, seconds[name], seconds[first])),
                    peak_bytes=memory.get(name),
                    memory_ratio=memory[name] / memory[first] if memory else None,
                    difference=(scores[name] - scores[first]).abs().max().item(),
                )


def measure_task(
    runs: dict[str, ModelRun], task: str, repeats: int, device: torch.device
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of each turn, the first left out, and peak memory, of each run."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():  # in turns, so that a busy machine slows all
            elapsed = seconds_of(getattr(run, task.split()[0]), device)
            seconds[name] += [elapsed] if turn else []
    if task not in WITH_MEMORY:
        return seconds, {}
    memory = {}
    for name, run in runs.items():
        memory[name] = peak_bytes(run.inference if task == 'inference' else run.step_over_gradients(), device)
    return seconds, memory


def time_table(found: list[Measurement]) -> AsciiTable:
    """Milliseconds and megabytes, each with its ratio to the reference: a row a task, a column a number format."""
    formats = list(dict.fromkeys(one.number_format for one in found))
    cells = {(one.task, one.number_format): one for one in found}
    rows = []
    for task in dict.fromkeys(one.task for one in found):
        row = [cells[task, name] for name in formats]
        rows.append([task, *(with_ratio(1e3 * one.seconds, 'ms', one.ratio) for one in row)])
        if row[0].peak_bytes is not None:
            rows.append(
                [f'{task}, peak', *(with_ratio((one.peak_bytes or 0) / 1e6, 'MB', one.memory_ratio) for one in row)]
            )
    differences = [cells[found[0].task, name].difference for name in formats]
    rows.append(['greatest difference of a score', *(f'{difference:.1e}' for difference in differences)])
    return AsciiTable([[f'T = {found[0].num_steps}, {found[0].batch_size} videos', *formats], *rows])


def with_ratio(value: float, unit: str, ratio: float | None) -> str:
    return f'{value:.1f} {unit}' + ('' if ratio is None else f' ({ratio:.3f})')


def print_targets(cfg: Config, found: list[Measurement]) -> None:
    """What was aimed at and is among what was measured, in the fastest number format."""
    window, rows = cfg.model.backbone.get('attn_window'), []
    for target in TARGETS:
        case = (target.num_steps, target.batch_size, target.task)
        values = {
            one.number_format: getattr(one, target.quantity)
            for one in found
            if (one.num_steps, one.batch_size, one.task) == case
        }
        if values.pop(REFERENCE, None) and values and target.window == window:
            name = min(values, key=values.__getitem__)
            what = f'{target.task}, {target.quantity.replace("_", " ")}, T = {case[0]}, batch of {case[1]}'
            rows.append([what, name, f'{values[name]:.3f}', f'≤ {target.limit}'])
    (short, long), limit = GROWTH_TARGET
    cases = {(one.num_steps, one.number_format): one for one in found if one.task == 'inference'}
    for name in dict.fromkeys(one.number_format for one in found):
        if (short, name) in cases and (long, name) in cases:
            a, b = cases[short, name], cases[long, name]
            growth = f'{b.seconds / a.seconds:.2f}, {(b.peak_bytes or 0) / (a.peak_bytes or 1):.2f}'
            rows.append([f'inference, T = {short} → {long}: time, memory', name, growth, f'≤ {limit}'])
    if rows:
        print(AsciiTable([['aim', 'format', 'measured', 'limit'], *rows]).table)


def plot(found: list[Measurement], path: str) -> None:
    """Time and memory over the length, a line for each implementation and size of the batch."""
    import matplotlib

    matplotlib.use('agg')
    from matplotlib import pyplot

    tasks = [task for task in WITH_MEMORY if any(one.task == task for one in found)]
    figure, axes = pyplot.subplots(2, len(tasks), figsize=(4.5 * len(tasks), 7), squeeze=False, sharex=True)
    for column, task in zip(axes.T, tasks, strict=True):
        lines: dict[str, list[Measurement]] = {}
        for one in found:
            if one.task == task:
                lines.setdefault(f'{one.number_format}, batch of {one.batch_size}', []).append(one)
        for label, line in lines.items():
            steps = [one.num_steps for one in line]
            column[0].loglog(steps, [one.seconds for one in line], 'o-', label=label)
            column[1].loglog(steps, [(one.peak_bytes or 0) / 1e6 for one in line], 'o-')
        column[0].set(title=task, ylabel='seconds')
        column[1].set(xlabel='feature steps T', ylabel='peak memory [MB]')
    axes[0, 0].legend()
    figure.tight_layout()
    figure.savefig(path)


def machine(device: str) -> str:
    """What the numbers were measured on."""
    name = torch.cuda.get_device_name(device) if device.startswith('cuda') else platform.processor() or 'CPU'
    return f'{time.strftime("%Y-%m-%d")}, {name}, {torch.get_num_threads()} threads, torch {torch.__version__}'


if __name__ == '__main__':
    run_command(main)
