"""What is timed of a model: its network, decoding, suppression and training step; and the same of the reference."""

from __future__ import annotations

import copy
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from naive_del import NaiveDEL
from naive_training import decode, suppress, training_loss
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from mmdel.datasets.stream_config import complete_streams
from mmdel.engine.hooks import ScoreContrastiveHook
from mmdel.models.detectors import EventDetector
from mmdel.structures import StreamBatch
from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import NumberFormat, autocast, convert_weights, require

NUMBER_FORMATS: dict[str, NumberFormat] = dict(float32='float32', bf16='bfloat16', fp16='float16')


def attention_flops(q_shape: Any, k_shape: Any, v_shape: Any, *args: Any, **kwargs: Any) -> int:
    return sdpa_flop_count(q_shape, k_shape, v_shape)


def attention_backward_flops(grad: Any, q_shape: Any, k_shape: Any, v_shape: Any, *args: Any, **kwargs: Any) -> int:
    """Two and a half times as many: the weights are computed again, and each product has two gradients."""
    return sdpa_flop_count(q_shape, k_shape, v_shape) * 5 // 2


def packed_product_flops(x_shape: Any, *args: Any, out_shape: Any, **kwargs: Any) -> int:
    return 2 * math.prod(x_shape) * out_shape[-1]


# What torch does not count of itself on CPUs: its attention, and products with packed weights.
CPU_OPERATORS = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: attention_backward_flops,
}
if hasattr(torch.ops.mkldnn, '_linear_pointwise'):
    CPU_OPERATORS[torch.ops.mkldnn._linear_pointwise] = packed_product_flops
FLOP_FORMULAS = FlopCounterMode(display=False, custom_mapping=CPU_OPERATORS).flop_registry


class ModelRun(ABC):
    """A model in one number format, with what each part gave last.

    Args:
        number_format: One of :data:`NUMBER_FORMATS`.
        batch: Preprocessed, of videos of one length.
    """

    def __init__(self, number_format: str, batch: dict[str, Any]) -> None:
        self.number_format = number_format
        self.batch = batch
        self.device = batch['inputs'].mask.device
        self.outputs: Any = None
        self.candidates: Any = None
        self.events: Any = None

    def autocast(self) -> AbstractContextManager[Any]:
        return autocast(self.device, NUMBER_FORMATS[self.number_format])

    @torch.no_grad()
    def inference(self) -> None:
        """From features to events."""
        self.forward()
        self.decode()
        self.suppress()

    @abstractmethod
    def forward(self) -> None:
        """The network, from features to logits and offsets."""

    @abstractmethod
    def decode(self) -> None:
        """From there to candidates."""

    @abstractmethod
    def suppress(self) -> None:
        """From there to events."""

    @abstractmethod
    def step(self) -> None:
        """A training step: network, losses, backward, clipping, optimizer."""

    @abstractmethod
    def parameters(self) -> Iterable[Tensor]:
        """What a step trains."""

    def step_over_gradients(self) -> Callable[[], None]:
        """A step that finds room for its gradients, so that they do not count for its memory."""
        for parameter in self.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return self.step


class Trainer:
    """A detector with its optimizer, with or without the contrastive loss, built as the runner builds them.

    Raises:
        UserInputError: If the config's model is another one.
    """

    def __init__(self, cfg: Config, contrastive: bool, device: torch.device) -> None:
        torch.manual_seed(0)
        with MODELS.switch_scope_and_registry(cfg.get('default_scope')):
            self.model = MODELS.build(cfg.model).to(device)
        if not isinstance(self.model, EventDetector):
            raise UserInputError(f'{cfg.filename}: only an EventDetector is timed; --counts counts others')
        self.model.data_preprocessor.pad_size_divisor = 1  # as many steps as asked for
        self.optim_wrapper = build_optim_wrapper(self.model, cfg.optim_wrapper)
        classes = tuple(map(str, range(cfg.model.head.num_classes)))
        self.train_dataloader = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes)))
        if contrastive:
            args = {key: value for key, value in cfg.default_hooks.contrast.items() if key != 'type'}
            hook = ScoreContrastiveHook(**{**args, 'start_epoch': 0, 'ramp_epochs': 0})
            hook.before_run(self)
            hook.before_train(self)


class OwnRun(ModelRun):
    """The model of a config; for inference, a copy of it whose weights have the format already.

    Raises:
        UserInputError: If the device does not compute in the format.
    """

    def __init__(self, number_format: str, batch: dict[str, Any], trainer: Trainer) -> None:
        super().__init__(number_format, batch)
        full_name = require(self.device, NUMBER_FORMATS[number_format])
        self.model, self.optim_wrapper = trainer.model, trainer.optim_wrapper
        self.tested = copy.deepcopy(self.model).eval()
        convert_weights(self.tested, full_name)
        num_levels = self.model.head.num_levels
        self.masks = tuple(batch['inputs'].mask[:, :: 2**level] for level in range(num_levels))

    def forward(self) -> None:
        with torch.no_grad(), self.autocast():
            self.outputs = self.tested(self.batch['inputs'], mode='tensor')

    def decode(self) -> None:
        self.candidates = self.tested.head.candidates(*self.outputs, self.masks)

    def suppress(self) -> None:
        self.events = self.tested.head.finish(*self.candidates, self.batch['data_samples'])

    def step(self) -> None:
        self.model.train()
        with self.optim_wrapper.optim_context(self.model), self.autocast():
            losses = self.model(**self.batch, mode='loss')
        self.optim_wrapper.update_params(self.model.parse_losses(losses)[0])

    def parameters(self) -> Iterable[Tensor]:
        return self.model.parameters()


class NaiveRun(ModelRun):
    """The reference, always in float32, with a plain optimizer."""

    def __init__(self, batch: dict[str, Any], trainer: Trainer) -> None:
        super().__init__('float32', batch)
        self.naive = NaiveDEL(trainer.model)
        self.optimizer = torch.optim.AdamW(self.naive.parameters.values(), lr=1e-4, weight_decay=1e-4, foreach=False)

    def forward(self) -> None:
        self.naive.training = False
        with torch.no_grad():
            self.outputs = self.naive(self.batch['inputs'])

    def decode(self) -> None:
        num_steps = self.batch['inputs'].mask.shape[1]
        videos = zip(*self.outputs, strict=True)
        self.candidates = [decode(self.naive, cls_logits, offsets, num_steps) for cls_logits, offsets in videos]

    def suppress(self) -> None:
        self.events = [suppress(self.naive, *candidates) for candidates in self.candidates]

    def step(self) -> None:
        self.naive.training = True
        training_loss(self.naive, self.batch['inputs'], self.batch['data_samples']).backward()
        nn.utils.clip_grad_norm_(self.naive.parameters.values(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def parameters(self) -> Iterable[Tensor]:
        return self.naive.parameters.values()


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """Wall time of one call."""
    wait = torch.cuda.synchronize if device.type == 'cuda' else bool
    wait()
    begun = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - begun


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """The most bytes of tensors that a call holds beyond those that were there before, by torch's allocator.

    Not the memory of the process, which keeps pages that are free and differs from run to run.
    """
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    assert profiler.profiler is not None and profiler.profiler.kineto_results is not None
    changes = [event for event in profiler.profiler.kineto_results.events() if event.name() == '[memory]']
    held = peak = 0
    for change in sorted(changes, key=lambda event: event.start_ns()):
        held += change.nbytes()
        peak = max(peak, held)
    return peak


def count_parts(cfg: Config, num_steps: int) -> tuple[dict[str, int], dict[str, int], str]:
    """The parameters and the floating-point operations of each part of a config's model, for a video of this length.

    Returns:
        The two, by the parts' names and 'all'; and why there are no operations, empty if there are: the config does
        not tell the channels of its streams, or the model takes no video of this length.
    """
    with MODELS.switch_scope_and_registry(cfg.get('default_scope')):
        model = MODELS.build(cfg.model)
    parameters = part_parameters(model)
    why_not, flops = '', dict[str, int]()
    try:
        streams = {name: torch.zeros(1, num_steps, width) for name, width in stream_channels(cfg).items()}
        inputs = StreamBatch(streams, torch.ones(1, num_steps, dtype=torch.bool))
        flops = part_flops(model, inputs, list(parameters))
    except ValueError as error:
        why_not = str(error)
    return {**parameters, 'all': sum(parameters.values())}, flops, why_not


def stream_channels(cfg: Config) -> dict[str, int]:
    """The channels of each stream of a config's test data.

    Raises:
        UserInputError: If the config does not tell them.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset', {})
    streams: Any = dataset.get('streams') or {}
    if isinstance(streams, str):
        streams = complete_streams(streams, dataset.get('data_root'))
    channels = {name: stream.get('channels') for name, stream in streams.items()}
    if not channels or None in channels.values():
        raise UserInputError(f'{cfg.filename}: the streams of test_dataloader.dataset do not all tell their channels')
    return channels


def part_parameters(model: nn.Module) -> dict[str, int]:
    """The parameters of each part of a model; the towers of a head and of its regressor are parts of their own."""
    counts: dict[str, int] = {}
    for name, part in model.named_children():
        if name in ('head', 'regressor'):
            counts |= {f'{name}.{key}': count for key, count in part_parameters(part).items()}
        else:
            counts[name] = sum(parameter.numel() for parameter in part.parameters())
    counts |= {name: parameter.numel() for name, parameter in model.named_parameters(recurse=False)}
    return {name: count for name, count in counts.items() if count}


def part_flops(model: nn.Module, inputs: StreamBatch, parts: list[str]) -> dict[str, int]:
    """The floating-point operations of each of the ``parts`` of a model on its ``inputs``, of the rest, and 'all'.

    Those of products of matrices, convolutions and attention, a multiplication and an addition being two.
    """
    counter = FlopCounterMode(display=False, custom_mapping=CPU_OPERATORS)
    with counter, torch.no_grad():
        model.eval()(inputs, mode='tensor')
    counts = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    flops = {name: counts.get(f'{type(model).__name__}.{name}', 0) for name in parts}
    rest = {'rest': counts['Global'] - sum(flops.values())} if counts['Global'] > sum(flops.values()) else {}
    return {**flops, **rest, 'all': counts['Global']}
