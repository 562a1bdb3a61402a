"""A device as checks ask it: torch's names, with everything on the device."""

from __future__ import annotations

import contextlib
import re
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional

from simfp.commands import typed
from simfp.gpu import products as device_products
from simfp.gpu.products import TYPES
from simfp.gpu.training import on_device, orders
from simfp.silicon import product_cases, split_k_products
from simfp.silicon.backends import Codes, Names, Simulated
from simfp.silicon.reproducible_runs import Backend, Run
from simfp.tensor_core import GENERATIONS, Generation, TensorCore

__all__ = ["OLDEST", "OnDevice", "generation_of", "model_of", "saturates", "trouble_with"]

OLDEST = (2, 6)  # torch that has all that is asked for here
SIGNED = {1: torch.int8, 2: torch.int16, 4: torch.int32}
# compute capability (major, minor) -> generation; where a minor number is not named, that of the major one
CAPABILITIES = {(7, 0): "Volta", (7, 5): "Turing", (8, 9): "Ada"}
MAJOR = {7: "Volta", 8: "Ampere", 9: "Hopper", 10: "Blackwell", 12: "Blackwell"}


class OnDevice:
    """torch on a device ("cuda", "cpu")."""

    def __init__(self, device: str) -> None:
        self.F = Names(functional, torch)
        self.training = on_device(device)
        self.device = device

    def training_of(self, run: Run) -> Backend:
        """What makes a training run, with tf32 where it asks for that."""
        torch.backends.cuda.matmul.allow_tf32 = run.dtype == "tfloat32"
        return self.training

    def leaf(self, codes: Codes, fmt: str, *, grad: bool = False) -> torch.Tensor:
        """A tensor with these codes."""
        return device_products.on_device(codes, fmt, self.device).requires_grad_(grad)

    def labels(self, values: Codes) -> torch.Tensor:
        """A tensor of integers."""
        return torch.from_numpy(values).to(self.device)

    def codes(self, x: torch.Tensor) -> Codes:
        """The codes of a tensor."""
        x = x.detach().contiguous()
        made = x.view(SIGNED[x.element_size()]).cpu().numpy()
        return np.array(made.view(f"u{x.element_size()}"))  # a copy: a CPU's tensor may change below it

    def cast(self, codes: Codes, fmt: str, to: str) -> Codes:
        """The codes in another format."""
        return self.codes(self.leaf(codes, fmt).to(TYPES[to]))

    def sums_of_products(self, case: product_cases.Case) -> Codes:
        """The sums of products of a case, as codes of float32. Raises RuntimeError where there are none in float32."""
        if not self.device.startswith("cuda") and "float32" not in case.fmt:
            raise RuntimeError(f"a CPU gives no sums of products of {case.fmt} in float32")
        return device_products.answer(case, self.device)

    def half_product(self, shape: split_k_products.Shape) -> Codes:
        """A product with a result of 16 bits."""
        a, b = (
            device_products.laid_out(torch.from_numpy(x).to(TYPES[shape.fmt]).to(self.device), way)
            for x, way in zip(split_k_products.inputs(shape), shape.layout, strict=True)
        )
        return self.codes(torch.mm(a, b))

    def around(self) -> AbstractContextManager[Any]:
        """Nothing: torch's defaults."""
        return contextlib.nullcontext()


def saturates(device: str) -> bool:
    """Whether a cast of what is too large to float8_e4m3fn gives its largest number; torch's releases differ in it."""
    return not bool(torch.tensor([1e6], device=device).to(torch.float8_e4m3fn).float().isnan().any())


def generation_of(device: str) -> tuple[Generation, str]:
    """The tensor cores that a device should have, and how that is known.

    Of a GPU that is not in the table its cores are probed, for fp16 and bf16. A CPU has none, and gets Hopper's, with
    which its answers are not judged.
    """
    if not device.startswith("cuda"):
        return GENERATIONS["Hopper"], "no GPU: Hopper's orders are shown beside it, and not judged"
    capability = torch.cuda.get_device_capability(device)
    name = CAPABILITIES.get(capability) or MAJOR.get(capability[0])
    told = f"compute capability {capability[0]}.{capability[1]}"
    if name:
        generation = GENERATIONS[name]
        checked = sorted({gpu for core in generation.cores.values() for gpu in core.checked.split(", ") if gpu})
        how = f"checked on {', '.join(checked)}" if checked else "as the literature has it; not checked on silicon yet"
        return generation, f"{name}, by its {told}; its table: {how}"
    from simfp.gpu.probe import probe

    cores = {}
    for fmt in ("float16", "bfloat16"):
        step = probe(device, fmt, (64, 96, 64)).step
        if step.fraction_bits is not None:
            rounding: Literal["toward_zero", "nearest_even"]
            rounding = "nearest_even" if step.conversion == "nearest" else "toward_zero"
            core = TensorCore(step.terms, step.fraction_bits, rounding=rounding, inputs=(fmt,))
            cores[core.inputs[0]] = core
    return Generation("probed", cores), f"{told} is in no table: its cores were probed"


def model_of(device: str) -> tuple[Simulated, str]:
    """simfp as it should answer like a device, and how that is known; see `generation_of`.

    The orders of a GPU's products in float32 are probed when a training run needs them.
    """
    generation, how = generation_of(device)
    found = partial(orders, device=device) if device.startswith("cuda") else None
    return Simulated(generation, saturates=saturates(device), orders=found), how


def trouble_with(device: str) -> str:
    """What keeps a device from being asked, in words; nothing if nothing does."""
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < OLDEST:
        cure = f"{typed('pip')} install --upgrade torch"
        return f"torch {torch.__version__} is too old: 2.6 or newer is needed (`{cure}`)"
    if not re.fullmatch(r"(cuda|cpu)(:\d+)?", device):
        return f"unknown device {device!r}; expected cuda, cuda:0 and so on, or cpu"
    if not device.startswith("cuda"):
        return ""
    if torch.version.cuda is None:
        return (
            f"this torch ({torch.__version__}) was built without CUDA: see pytorch.org for one with it, or --device cpu"
        )
    if not torch.cuda.is_available():
        return (
            "torch finds no CUDA device: is there a GPU, and its driver (`nvidia-smi`)? --device cpu checks a processor"
        )
    try:
        torch.zeros(1, device=device).item()
    except RuntimeError as error:  # AcceleratorError, OutOfMemoryError
        return f"{device} does not answer, it may be busy or its memory taken (`nvidia-smi` tells): {first_line(error)}"
    return ""


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return (str(error).splitlines() or [type(error).__name__])[0]
