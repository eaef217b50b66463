"""A loss of what some modules of a model put out, which the model adds to its own losses.

Shapes: B videos, T steps, D channels; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmdel.engine.hooks.token_labels import LABEL_READERS, known_steps

if TYPE_CHECKING:
    from mmdel.models.losses import ScoreContrastiveLoss, VideoContrastiveLoss

NAME = 'score_contrastive'
CLS_PREFIX = 'cls_'
WIDTHS = ('embed_dims', 'out_channels', 'out_features')  # how modules name the channels that they put out


class Call(NamedTuple):
    """What a submodule was given and put out."""

    args: tuple
    output: Any


@dataclass(frozen=True)
class Tap:
    """A tensor that a submodule of a model puts out.

    Args:
        name: ``<stream>`` or ``cls_<stream>``.
        place: Dotted path of the submodule; keys after a colon pick from its output: ``'path:key.key'``.
        layout: The letters of the tensor's dimensions.
    """

    name: str
    place: str
    layout: str

    def __str__(self) -> str:
        return f'taps[{self.name!r}] = {self.place!r}'

    def module_of(self, model: nn.Module) -> nn.Module:
        """The submodule.

        Raises:
            ValueError: If there is none; names what there is.
        """
        module = model
        for part in self.place.partition(':')[0].split('.'):
            children = dict(module.named_children())
            if part not in children:
                raise ValueError(f'{self}: {type(module).__name__} has no submodule {part!r}, only {list(children)}')
            module = children[part]
        return module

    def width_in(self, model: nn.Module) -> int:
        """The channels that the submodule says it puts out.

        Raises:
            ValueError: If it does not say.
        """
        module = self.module_of(model)
        for name in WIDTHS:
            if isinstance(width := getattr(module, name, None), int):
                return width
        raise ValueError(f'{self}: {type(module).__name__} has none of {WIDTHS}; give embed_dims of the loss')

    def read(self, outputs: dict[str, Any]) -> Tensor:
        """The tensor as (B, T, D), or (B, D) if its layout has no T; other dimensions are averaged.

        Args:
            outputs: What the submodules put out, by the names of their taps.

        Raises:
            ValueError: If it is not there, or not of this layout.
        """
        if self.name not in outputs:
            raise ValueError(f"{self} is not called in the model's mode='loss'")
        value = outputs[self.name]
        for key in filter(None, self.place.partition(':')[2].split('.')):
            try:
                value = _pick(value, key)
            except (AttributeError, LookupError, TypeError) as error:
                raise ValueError(f'{self}: a {type(value).__name__} has no {key!r}') from error
        if not isinstance(value, Tensor) or value.dim() != len(self.layout):
            what = f'shape {tuple(value.shape)}' if isinstance(value, Tensor) else f'type {type(value).__name__}'
            raise ValueError(f'{self} must put out a tensor {self.layout}, got {what}')
        others = [index for index, letter in enumerate(self.layout) if letter not in 'BTD']
        if others:
            value = value.mean(others)
        kept = [letter for letter in self.layout if letter in 'BTD']
        return value.permute([kept.index(letter) for letter in 'BTD' if letter in kept])


class TappedLoss(nn.Module):
    """Holds the loss as a submodule of the model, so that its parameters are trained like the model's.

    They are left out of the model's state dict.

    Args:
        loss: The loss.
        taps: Where its streams and [CLS] vectors are taken.
        targets: One of the :data:`~mmdel.engine.hooks.token_labels.LABEL_READERS`.
    """

    def __init__(self, loss: ScoreContrastiveLoss | VideoContrastiveLoss, taps: Sequence[Tap], targets: str) -> None:
        super().__init__()
        self.loss = loss
        self.taps = {tap.name: tap for tap in taps}
        self.targets = targets
        self.weight = 1.0
        self.register_load_state_dict_post_hook(_expect_none)

    def state_dict(  # type: ignore[override]  # torch overloads it
        self, *args: Any, destination: dict[str, Any] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Nothing."""
        return {} if destination is None else destination

    def attach(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[RemovableHandle]:
        """Starts to listen to ``model``, and keeps ``optimizer`` off the loss while its weight is 0."""
        parts = {name: tap.module_of(model) for name, tap in self.taps.items()}
        return [*listen(model, parts, self._terms), optimizer.register_step_pre_hook(self._before_step)]

    def _before_step(self, optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
        """Without a gradient, an optimizer neither decays a parameter nor counts a step for it."""
        if self.weight == 0:
            self.zero_grad(set_to_none=True)

    def _terms(self, calls: dict[str, Call], inputs: Any, samples: Sequence) -> dict[str, Tensor]:
        return self({name: call.output for name, call in calls.items()}, inputs, samples)

    def forward(self, outputs: dict[str, Any], inputs: Any, samples: Sequence) -> dict[str, Tensor]:
        """The weighted terms of the loss. Steps inside an ignored event and no true one are as if they were padding.

        Args:
            outputs: What was tapped, by the names of the taps.
            inputs: The model's; its key or field ``mask`` (B, T), if there is one, tells the valid steps.
            samples: Data samples of the B videos.

        Raises:
            ValueError: If what was tapped does not fit the other taps, the loss, the samples or the mask.
        """
        if self.weight == 0:
            # Distributed training wants a gradient of every parameter.
            return dict(loss_intra=torch.stack([parameter.sum() for parameter in self.parameters()]).sum() * 0.0)
        values = {name: tap.read(outputs) for name, tap in self.taps.items()}
        for name, value in values.items():
            width = self.loss.embed_dims[name.removeprefix(CLS_PREFIX)]
            if value.shape[-1] != width:
                raise ValueError(
                    f'{self.taps[name]} puts out {value.shape[-1]} channels in the layout {self.taps[name].layout!r}; '
                    f'the loss has embed_dims={width}'
                )
        cls = {name.removeprefix(CLS_PREFIX): value for name, value in values.items() if value.dim() == 2}
        streams = {name: value for name, value in values.items() if value.dim() == 3}
        first = next(iter(streams.values()))
        mask = inputs.get('mask') if isinstance(inputs, Mapping) else getattr(inputs, 'mask', None)
        if mask is None:
            mask = torch.ones(first.shape[:2], dtype=torch.bool, device=first.device)
        sizes = {name: tuple(value.shape[: value.dim() - 1]) for name, value in values.items()}
        expected = (len(samples), mask.shape[1])
        if mask.shape != expected or any(size != expected[: len(size)] for size in sizes.values()):
            raise ValueError(
                f'the taps must have a row for each of the {len(samples)} data samples and a step for each of '
                f"inputs' mask {tuple(mask.shape)}; got {sizes}"
            )
        labels = self._labels(samples, mask)
        terms = self.loss(streams, known_steps(samples, mask, labels.any(2)), labels, cls)
        return {name: term * self.weight if 'loss' in name else term for name, term in terms.items()}

    def _labels(self, samples: Sequence, mask: Tensor) -> Tensor:
        """The classes active at a step, (B, T, C)."""
        try:
            return LABEL_READERS[self.targets](samples, mask, self.loss.num_classes)
        except AttributeError as error:
            raise ValueError(f'targets={self.targets!r}, but a data sample lacks it: {error}') from error


def listen(
    model: nn.Module,
    parts: Mapping[Any, nn.Module],
    terms_of: Callable[[dict[Any, Call], Any, Sequence], dict[str, Tensor]],
) -> list[RemovableHandle]:
    """From now on, terms join the losses that a model returns in ``mode='loss'``.

    Args:
        model: The model, without a wrapper.
        parts: Submodules, by any names.
        terms_of: Gives the terms for the last call of each part since the model was called, by its name, and for the
            inputs and the data samples of the model.

    Raises:
        ValueError: In such a call, if the model has a term of one of these names already.
    """
    signature = inspect.signature(model.forward)
    calls: dict[Any, Call] = {}

    def capture(name: Any, part: nn.Module, args: tuple, output: Any) -> None:
        calls[name] = Call(args, output)

    def finish(model: nn.Module, args: tuple, kwargs: dict, losses: Any) -> Any:
        seen = calls.copy()
        calls.clear()  # in every mode, so that none is taken for a later one
        given = signature.bind(*args, **kwargs).arguments
        if given.get('mode') != 'loss':
            return losses
        terms = terms_of(seen, given['inputs'], given['data_samples'])
        if terms.keys() & losses.keys():
            raise ValueError(f'the model has terms of these names already: {sorted(terms.keys() & losses.keys())}')
        return {**losses, **terms}

    return [
        *(part.register_forward_hook(partial(capture, name)) for name, part in parts.items()),
        model.register_forward_hook(finish, with_kwargs=True),
    ]


def _pick(value: Any, key: str) -> Any:
    """A dict's value, an element by its index, or an attribute."""
    if isinstance(value, Mapping):
        return value[key]
    return value[int(key)] if key.isdigit() else getattr(value, key)


def _expect_none(module: nn.Module, incompatible_keys: Any) -> None:
    """Strikes the parameters of :class:`TappedLoss` off the missing keys."""
    missing = incompatible_keys.missing_keys
    missing[:] = [key for key in missing if f'{NAME}.loss.' not in key]
