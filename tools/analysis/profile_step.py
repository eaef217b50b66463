"""Time and operations of a training step and of inference, part by part.

Only what a part does itself counts for it, not what parts inside it do. 'rest' is what none of them does: gradients
being added up, and whatever lies between.

Example:
    python tools/analysis/profile_step.py configs/del_unav100.py --format bf16
"""

from __future__ import annotations

import argparse
import bisect
import logging
import operator
import re
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from benchmarking import random_batch
from model_runs import FLOP_FORMULAS, NUMBER_FORMATS, OwnRun, Trainer
from terminaltables import AsciiTable
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode

from mmdel.models.backbones import EventAlignedBackbone
from mmdel.models.detectors import EventDetector
from mmdel.utils.command_line import load_config
from mmdel.utils.config_options import add_config_options
from mmdel.utils.run_command import run_command

ORDER = (
    *('backbone', 'align', 'stem', 'pyramid', 'neck', 'head', 'losses', 'contrast', 'decode', 'NMS', 'optimizer'),
    'rest',
)
MARK, NODE = 'part: ', 'autograd::engine::evaluate_function'
CONTRAST = 'score_contrastive'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('--steps', type=int, default=224, metavar='T', help='feature steps of a video (default: 224)')
    parser.add_argument('--batch-size', type=int, default=2, help='videos (default: 2)')
    parser.add_argument('--num-events', type=int, default=6, help='events of a video (default: 6)')
    parser.add_argument('--format', choices=list(NUMBER_FORMATS), default='float32', help='(default: float32)')
    parser.add_argument('--repeats', type=int, default=5, help='profiled runs; the medians are shown (default: 5)')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='(default: a GPU)')
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logging.disable(logging.INFO)
    cfg = load_config(args)
    device = torch.device(args.device)
    trainer = Trainer(cfg, 'contrast' in cfg.default_hooks, device)
    batch = random_batch(cfg, args.batch_size, args.steps, args.num_events)
    run = OwnRun(args.format, trainer.model.data_preprocessor(batch, True), trainer)
    parts = Parts(run)
    for call in (run.step, run.inference):
        call()  # the first one makes what the others find
        with PartFlops(parts) as counter:
            call()
        times = [part_times(call, parts, device) for _ in range(args.repeats)]
        print(f'{call.__name__}, T = {args.steps}, {args.batch_size} videos, {args.format}, {device}')
        print(table_of(counter.flops, times).table)


class Parts:
    """Which part of a model runs: forwards by marks around it, backwards by the numbers of autograd's nodes.

    Args:
        run: Its models and its optimizer are marked.
    """

    def __init__(self, run: OwnRun) -> None:
        self.running = ['rest']
        self.changes: list[tuple[int, str]] = []  # the number of the next node, and the part that makes it
        for model in (run.model, run.tested):
            for part, names in modules_of(model).items():
                for name in names:
                    self.mark(model.get_submodule(name), 'forward', part)
            self.mark(model.head, 'loss_by_feat', 'losses')
            self.mark(model.head, 'candidates', 'decode')
            self.mark(model.head, 'finish', 'NMS')
        for name in ('step', '_clip_grad', 'zero_grad'):
            self.mark(run.optim_wrapper, name, 'optimizer')

    def mark(self, owner: Any, name: str, part: str) -> None:
        """Puts marks around a method of an object."""
        method = getattr(owner, name)

        def marked(*args: Any, **kwargs: Any) -> Any:
            self.running.append(part)
            self._note()
            with record_function(MARK + part):
                result = method(*args, **kwargs)
            self.running.pop()
            self._note()
            return result

        setattr(owner, name, marked)

    def _note(self) -> None:
        self.changes.append((torch.autograd._get_sequence_nr(), self.running[-1]))

    def of_node(self, number: int) -> str:
        """The part that made a node."""
        place = bisect.bisect_right(self.changes, number, key=operator.itemgetter(0))
        return self.changes[place - 1][1] if place else 'rest'


class PartFlops(TorchDispatchMode):
    """Counts the operations of each part in ``flops``, by part and whether it is its backward pass."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.parts = parts
        self.flops: Counter[tuple[str, bool]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = FLOP_FORMULAS.get(func._overloadpacket)
        if formula is not None:
            node = torch._C._current_autograd_node()
            part = self.parts.running[-1] if node is None else self.parts.of_node(node._sequence_nr())
            self.flops[part, node is not None] += formula(*args, **kwargs, out_val=out)
        return out


def modules_of(model: EventDetector) -> dict[str, list[str]]:
    """The names of the modules of each part; a module inside another one's counts for its own part alone."""
    parts = dict(backbone=['backbone'], neck=['neck'], head=['head'], contrast=[CONTRAST])
    if isinstance(model.backbone, EventAlignedBackbone):
        stem = [
            name
            for name, _ in model.named_modules()
            if re.fullmatch(r'backbone\.pyramids\.\w+\.(convs|conv_norms|blocks)\.\d+', name)
        ]
        parts = dict(align=['backbone.align'], stem=stem, pyramid=parts.pop('backbone'), **parts)
    names = dict(model.named_modules())
    return {part: [name for name in modules if name in names] for part, modules in parts.items()}


def part_times(call: Callable[[], object], parts: Parts, device: torch.device) -> dict[tuple[str, bool], float]:
    """Seconds of each part, and whether it is its backward pass that takes them."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == 'cuda')
    with profile(activities=activities) as profiler:
        call()
    events = profiler.events()
    assert events is not None
    kind = 'self_device_time_total' if device.type == 'cuda' else 'self_cpu_time_total'
    seconds: Counter[tuple[str, bool]] = Counter()
    for event in events:
        part, node = place_of(event)
        seconds[part if node is None else parts.of_node(node), node is not None] += getattr(event, kind) / 1e6
    return dict(seconds)


def place_of(event: Any) -> tuple[str, int | None]:
    """The innermost part that an event lies in, and the number of its node, if that is one of the backward pass."""
    while event is not None:
        if event.name.startswith(MARK):
            return event.name.removeprefix(MARK), None
        if event.name.startswith(NODE):
            return 'rest', event.sequence_nr
        event = event.cpu_parent
    return 'rest', None


def table_of(flops: Counter[tuple[str, bool]], times: list[dict[tuple[str, bool], float]]) -> AsciiTable:
    """A row a part: operations and time of its forward and backward pass."""
    found = {part for run in times for part, _ in run}
    rows: dict[str, list[float]] = {}
    for part in [part for part in ORDER if part in found]:
        counts = [flops[part, backward] / 1e9 for backward in (False, True)]
        both = [1e3 * median(run.get((part, backward), 0.0) for run in times) for backward in (False, True)]
        rows[part] = [*counts, *both, sum(both)]
    rows['all'] = [sum(column) for column in zip(*rows.values(), strict=True)]
    cells = [
        [part, *(f'{value:.1f}' for value in row), f'{row[-1] / rows["all"][-1]:.1%}'] for part, row in rows.items()
    ]
    head = ['part', 'GFLOPs forward', 'backward', 'ms forward', 'backward', 'together', 'of all']
    table = AsciiTable([head, *cells])
    table.justify_columns |= dict.fromkeys(range(1, 7), 'right')
    table.inner_footing_row_border = True
    return table


if __name__ == '__main__':
    run_command(main)
