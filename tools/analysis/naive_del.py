"""DEL written down as its formulas read, to measure the model of this project against.

One video, one stream, one level and one class after the other; every attention under a dense mask over all pairs of
tokens; float32. It takes its parameters from a model of the project and gives the same numbers.

Formulas: DEL (Ahmadian et al. 2025, arXiv 2506.23196), ActionFormer (Zhang et al. 2022, arXiv 2202.07925).
Shapes: T steps of a video, D channels, H heads, N = S · (1 + T) tokens of S streams, P points of all levels, C classes,
R = C for class-aware regression, else 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.backbones.event_aligned import EventAlignedBackbone, EventAlignment
from mmdel.models.detectors import EventDetector
from mmdel.models.heads import AnchorFreeHead, OffsetRegressor, TowerClassifier
from mmdel.models.layers.event_aligned_attention import EventAlignedAttention
from mmdel.models.necks import AudioVisualPAN
from mmdel.structures import StreamBatch


class NaiveDEL:
    """The reference.

    Args:
        model: Where parameters and settings come from. The parameters are copied.

    Attributes:
        parameters: By the model's names.
        training: Whether residual branches are dropped.
        normalizer: The average number of positives.
    """

    def __init__(self, model: EventDetector) -> None:
        assert has_reference(model)
        self.model: Any = model
        self.parameters = {
            name: parameter.detach().clone().requires_grad_() for name, parameter in model.named_parameters()
        }
        self.streams = self.model.backbone.streams
        self.num_levels = self.model.backbone.num_levels
        self.training = False
        self.normalizer = dict(model.named_buffers())['head.loss_normalizer'].clone()

    def __call__(self, inputs: StreamBatch) -> tuple[Tensor, Tensor]:
        """What the model's mode 'tensor' gives: ``cls_logits`` (B, P, C), ``offsets`` (B, P, R, 2)."""
        outputs = [self.detect(*self.align(streams)[:1]) for streams in videos_of(inputs)]
        cls_logits, offsets = zip(*outputs, strict=True)
        return torch.stack(cls_logits), torch.stack(offsets)

    def detect(self, aligned: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Aligned streams (T, D) of one video → (P, C), (P, R, 2)."""
        return self.head(self.neck({name: self.pyramid(name, x) for name, x in aligned.items()}))

    def align(self, streams: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features (T, C_s) of one video → aligned streams (T, D) and their [CLS] vectors (D,)."""
        place, settings = 'backbone.align', self.model.backbone.align
        projected = {name: self.linear(streams[name], f'{place}.project.{name}') for name in self.streams}
        num_steps, dims = projected[self.streams[0]].shape
        code = position_code(num_steps, dims).to(projected[self.streams[0]])
        cls_token, modality = (self.parameters[f'{place}.{name}'] for name in ('cls_token', 'modality'))
        before, tokens = [], []
        for index, name in enumerate(self.streams):
            before += [cls_token[index], projected[name]]
            tokens += [cls_token[index], projected[name] + code + modality[index]]
        x = torch.cat(tokens)  # (N, D)
        for index, block in enumerate(settings.blocks):
            x = self.aligned_block(x, f'{place}.blocks.{index}', block.attention, block.drop_path.drop_prob)
        outputs = (x + torch.cat(before)).split(1 + num_steps)
        aligned = {}
        for name, y in zip(self.streams, outputs, strict=True):
            y = self.norm(y, f'{place}.output.{name}.0')
            aligned[name] = self.norm(F.gelu(self.linear(y, f'{place}.output.{name}.1')), f'{place}.output.{name}.3')
        return {name: y[1:] for name, y in aligned.items()}, {name: y[0] for name, y in aligned.items()}

    def aligned_block(self, x: Tensor, place: str, settings: Any, drop: float) -> Tensor:
        """Joint attention over all tokens (N, D) under the event-aligned mask, then a network for each stream."""
        normed = self.norm(x, f'{place}.norm_attention')
        num_streams = len(self.streams)
        step = torch.arange(-1, len(x) // num_streams - 1, device=x.device).repeat(num_streams)  # −1 is [CLS]
        stream = torch.arange(num_streams, device=x.device).repeat_interleave(len(x) // num_streams)
        same, is_cls = stream[:, None] == stream, step < 0
        distance = (step[:, None] - step).abs()
        reach = len(x) if settings.window_intra is None else settings.window_intra // 2
        near = torch.where(same, distance <= reach, distance <= settings.window_cross)
        allowed = torch.where(is_cls[:, None] | is_cls, same, near)  # (N, N)
        e = self.linear(normed, f'{place}.attention.event_embed')
        here, across = self.parameters[f'{place}.attention.gate_bias']
        bias = torch.where(same, here, across)
        gate = torch.sigmoid(e @ e.T / math.sqrt(e.shape[1]) + bias)
        log_mask = gate.log().masked_fill(~allowed, -math.inf)
        x = x + self.drop(self.attend(normed, normed, f'{place}.attention', settings.num_heads, log_mask), drop)
        updates = []
        for index, part in enumerate(x.chunk(num_streams)):
            updates.append(self.mlp(self.norm(part, f'{place}.norms_mlp.{index}'), f'{place}.mlps.{index}'))
        return x + self.drop(torch.cat(updates), drop)

    def pyramid(self, name: str, x: Tensor) -> list[Tensor]:
        """Aligned stream (T, D) → L levels (T_l, D)."""
        place, settings = f'backbone.pyramids.{name}', self.model.backbone.pyramids[name]
        for index in range(len(settings.convs)):
            x = F.gelu(self.norm(self.conv(x, f'{place}.convs.{index}'), f'{place}.conv_norms.{index}'))
        for index, block in enumerate(settings.blocks):
            here, drop = f'{place}.blocks.{index}', block.drop_path.drop_prob
            normed = self.norm(x, f'{here}.norm_attention')
            log_mask = window_mask(x, block.attention.window)
            y = self.attend(normed, normed, f'{here}.attention', block.attention.num_heads, log_mask)
            x = x + self.drop(y, drop)
            x = x + self.drop(self.mlp(self.norm(x, f'{here}.norm_mlp'), f'{here}.mlp'), drop)
        levels = [x]
        for index in range(self.num_levels - 1):
            x = self.conv(levels[-1], f'{place}.downs.{index}', stride=2, groups=x.shape[1])
            levels.append(self.norm(x, f'{place}.down_norms.{index}'))
        return levels

    def neck(self, pyramids: dict[str, list[Tensor]]) -> list[Tensor]:
        """L levels (T_l, D) of each stream → L levels (T_l, S·D)."""
        settings, paths = self.model.neck.attention, []
        for name, other in zip(self.streams, reversed(self.streams), strict=True):
            levels = []
            for x, y in zip(pyramids[name], pyramids[other], strict=True):
                normed, read = self.norm(x, 'neck.attention.norm'), self.norm(y, 'neck.attention.norm')
                log_mask = window_mask(x, settings.window)
                levels.append(x + self.attend(normed, read, 'neck.attention', settings.num_heads, log_mask))
            for index in reversed(range(len(levels) - 1)):
                upper = levels[index + 1]
                between = (upper + torch.cat([upper[1:], upper[-1:]])) / 2
                upper = torch.stack([upper, between], dim=1).flatten(0, 1)[: len(levels[index])]
                levels[index] = self.fuse(levels[index], upper, 'neck.top_down')
            for index in range(1, len(levels)):
                weight = torch.ones_like(levels[index - 1][:, :1])
                lower, total = (
                    F.pad(x, (0, 0, 1, 1))[:-2:2] + 2 * x[::2] + F.pad(x, (0, 0, 1, 1))[2::2]
                    for x in (levels[index - 1], weight)
                )
                levels[index] = self.fuse(levels[index], lower / total, 'neck.bottom_up')
            paths.append(levels)
        return [torch.cat(level, dim=1) for level in zip(*paths, strict=True)]

    def fuse(self, x: Tensor, other: Tensor, place: str) -> Tensor:
        """A level (T_l, D) with what its neighbour adds, weighed by a gate."""
        gate, value = self.linear(self.norm(other, f'{place}.norm_other'), f'{place}.other').chunk(2, dim=1)
        own = F.linear(self.norm(x, f'{place}.norm'), self.parameters[f'{place}.own.weight'])
        return x + (own + gate).sigmoid() * value

    def head(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """L levels (T_l, S·D) → (P, C), (P, R, 2)."""
        cls_logits, offsets = [], []
        for x, scale in zip(levels, self.parameters['head.regressor.tower.scales'], strict=True):
            cls_logits.append(self.tower(x, 'head.cls_tower'))
            offsets.append(F.relu(self.tower(x, 'head.regressor.tower') * scale))
        return torch.cat(cls_logits), torch.cat(offsets).unflatten(1, (-1, 2))

    def tower(self, x: Tensor, place: str) -> Tensor:
        """Two convolutions with norm and ReLU, and a last one: (T_l, C_in) → (T_l, C_out)."""
        for index in range(2):
            x = F.relu(self.norm(self.conv(x, f'{place}.convs.{index}'), f'{place}.norms.{index}'))
        return self.conv(x, f'{place}.last')

    def attend(self, x: Tensor, other: Tensor, place: str, num_heads: int, log_mask: Tensor) -> Tensor:
        """softmax(q k / √d + ``log_mask`` (queries, keys)) v, head by head side by side: (n, D), (m, D) → (n, D)."""
        weights = self.parameters[f'{place}.qkv.weight'].chunk(3)
        biases = self.parameters[f'{place}.qkv.bias'].chunk(3)
        q, k, v = (
            F.linear(item, weight, bias).unflatten(1, (num_heads, -1)).transpose(0, 1)
            for item, weight, bias in zip((x, other, other), weights, biases, strict=True)
        )
        logits = q @ k.transpose(1, 2) / math.sqrt(q.shape[2]) + log_mask  # (H, n, m)
        return self.linear((logits.softmax(-1) @ v).transpose(0, 1).flatten(1), f'{place}.out')

    def mlp(self, x: Tensor, place: str) -> Tensor:
        return self.linear(F.gelu(self.linear(x, f'{place}.0')), f'{place}.3')

    def linear(self, x: Tensor, place: str) -> Tensor:
        return F.linear(x, self.parameters[f'{place}.weight'], self.parameters[f'{place}.bias'])

    def norm(self, x: Tensor, place: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.parameters[f'{place}.weight'], self.parameters[f'{place}.bias'])

    def conv(self, x: Tensor, place: str, stride: int = 1, groups: int = 1) -> Tensor:
        """A convolution over three steps: (T, C_in) → (ceil(T / stride), C_out)."""
        weight, bias = self.parameters[f'{place}.weight'], self.parameters.get(f'{place}.bias')
        return F.conv1d(x.T[None], weight, bias, stride, padding=1, groups=groups)[0].T

    def drop(self, x: Tensor, probability: float) -> Tensor:
        """Drops a residual branch of the video while training."""
        if not self.training:
            return x
        return x * (torch.rand((), device=x.device) >= probability) / (1 - probability)


def has_reference(model: nn.Module) -> bool:
    """Whether :class:`NaiveDEL` computes what ``model`` does."""
    if not isinstance(model, EventDetector) or not isinstance(model.backbone, EventAlignedBackbone):
        return False
    align, neck, head = model.backbone.align, model.neck, model.head
    if not isinstance(align, EventAlignment) or not isinstance(neck, AudioVisualPAN):
        return False
    attentions = [part for part in align.modules() if isinstance(part, EventAlignedAttention)]
    return (
        len(neck.streams) == 2
        and all(attention.mask_kind == 'learned' for attention in attentions)
        and not any(part.p for part in model.modules() if isinstance(part, nn.Dropout))
        and isinstance(head, AnchorFreeHead)
        and isinstance(head.cls_tower, TowerClassifier)
        and isinstance(head.regressor, OffsetRegressor)
        and not (head.balance_losses or head.iou_power or head.loss_cls.label_smoothing or head.video_score_topk)
        and head.nms.method == 'soft_gaussian'
        and head.nms.voting_threshold is None
    )


def videos_of(inputs: StreamBatch) -> Iterator[dict[str, Tensor]]:
    """The streams (T, C_s) of each video, without padding."""
    for index, mask in enumerate(inputs.mask):
        yield {name: x[index, mask] for name, x in inputs.streams.items()}


def window_mask(x: Tensor, window: int | None) -> Tensor:
    """What is added to the logits (T, T): 0 in the window, −∞ outside."""
    step = torch.arange(len(x), device=x.device)
    reach = len(x) if window is None else window // 2
    return torch.zeros(len(x), len(x), device=x.device).masked_fill((step[:, None] - step).abs() > reach, -math.inf)


def position_code(num_steps: int, dims: int) -> Tensor:
    """Sines and cosines over √D: (T, D)."""
    rates = 10000.0 ** -(torch.arange(0, dims, 2) / dims)
    angles = torch.arange(num_steps)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1) / math.sqrt(dims)
