"""Weights of products as oneDNN's bfloat16 kernels read them, on x86 CPUs: arranged once, not at every call.

The operators are those by which torch does the same where it freezes a compiled model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

OPERATORS = '_reorder_linear_weight', '_linear_pointwise', '_is_mkldnn_bf16_supported', '_is_mkldnn_acl_supported'


class PackedWeight:
    """A copy of a parameter in that layout. A copied or stored model has None in its place.

    Args:
        parameter: What it is a copy of, bfloat16, on a CPU.
        weight: The parameter as a product's weight (C_out, C_in).
    """

    def __init__(self, parameter: Tensor, weight: Tensor) -> None:
        self.parameter, self.state = parameter, _state(parameter)
        self.weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous())

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()

    def is_usable(self) -> bool:
        """Whether the parameter is what it was, and neither gradients nor a compiler want to see the product.

        What is written in place through ``parameter.data`` goes unnoticed, by torch too.
        """
        is_seen = torch.is_grad_enabled() or torch.compiler.is_compiling()
        return not is_seen and self.state == _state(self.parameter)

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """(..., C_in) → (..., C_out) bfloat16, what ``F.linear`` gives under autocast."""
        return torch.ops.mkldnn._linear_pointwise(x.to(torch.bfloat16), self.weight, bias, 'none', [], '')


class PackedLinear(nn.Linear):
    """A linear layer, with the parameters of another, for inference."""

    def __init__(self, linear: nn.Linear, packed: PackedWeight) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(linear.__dict__)
        self.packed: PackedWeight | None = packed

    def forward(self, x: Tensor) -> Tensor:
        """(..., C_in) → (..., C_out)."""
        if self.packed is not None and self.packed.is_usable():
            return self.packed.product(x, self.bias)
        return super().forward(x)


def pack(parameter: Tensor, weight: Tensor) -> PackedWeight | None:
    """Packs a parameter, ``weight`` as a product has it; None where torch packs none: on GPUs, other CPUs, float32."""
    if weight.dtype != torch.bfloat16 or weight.device.type != 'cpu' or not torch.backends.mkldnn.is_available():
        return None
    mkldnn = torch.ops.mkldnn
    has_all = all(hasattr(mkldnn, name) for name in OPERATORS)  # they are none of torch's public ones
    is_x86 = has_all and mkldnn._is_mkldnn_bf16_supported() and not mkldnn._is_mkldnn_acl_supported()
    return PackedWeight(parameter, weight) if is_x86 else None


def pack_linears(model: nn.Module) -> None:
    """Makes the linear layers within a model packed ones, in place; their parameters and names stay."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear and (packed := pack(child.weight, child.weight)) is not None:
                setattr(module, name, PackedLinear(child, packed))


def _state(parameter: Tensor) -> tuple[int, int]:
    """Another one where the parameter was written to or replaced."""
    return parameter._version, parameter.data_ptr()
