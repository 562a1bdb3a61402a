"""In which format every operation runs under autocast, beside torch's own dispatcher for CUDA.

The dispatcher is asked with tensors that have a device and a format, but no values: that needs no GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import simfp as sf
from simfp.autograd import apply, functions
from simfp.nn import functional
from simfp.ops import OPERATIONS
from simfp.precision import Precision, running
from tests.operation_cases import CASES, filled
from tests.reference.test_ops_against_torch import FORMATS, TORCH

pytestmark = pytest.mark.torch

REFUSED = "binary_cross_entropy"
NEEDS_A_GPU = ("index", "index_put", "copy")  # their dispatch asks the device itself
ASKED = [name for name in CASES if name not in (REFUSED, *NEEDS_A_GPU)]
BACK = {theirs: ours for ours, theirs in FORMATS.items()}


@contextmanager
def cuda_autocast(dtype: torch.dtype) -> Iterator[None]:
    """What `torch.autocast("cuda")` sets, without its look for a GPU."""
    before, before_dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    with FakeTensorMode():
        torch.set_autocast_enabled("cuda", True)
        torch.set_autocast_dtype("cuda", dtype)
        try:
            yield
        finally:
            torch.set_autocast_enabled("cuda", before)
            torch.set_autocast_dtype("cuda", before_dtype)
            torch.clear_autocast_cache()


OTHER_16_BITS = "Unexpected floating ScalarType in at::autocast::prioritize"


def on_cuda(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="cuda")


@pytest.mark.parametrize("low", [sf.float16, sf.bfloat16], ids=str)
@pytest.mark.parametrize("given", FORMATS, ids=str)
@pytest.mark.parametrize("name", ASKED)
def test_every_operation_runs_in_the_format_that_torchs_dispatcher_says(
    name: str, given: sf.Format, low: sf.Format
) -> None:
    case = CASES[name][0]
    with cuda_autocast(FORMATS[low]):
        args = filled(
            case.args,
            lambda spec, values: on_cuda(values.shape, FORMATS[given]),
            lambda values: on_cuda(values.shape, torch.from_numpy(values).dtype),
        )
        mixed = OPERATIONS[name].autocast == "widest" and sf.float32 not in (given, low) and given != low
        if mixed:  # which no kernel takes
            with pytest.raises(RuntimeError, match=OTHER_16_BITS):
                TORCH[name](*args, **case.options)
        else:
            expected = BACK[TORCH[name](*args, **case.options).dtype]
    with running(Precision(autocast=True, dtype=low)):
        args = filled(case.args, lambda spec, values: sf.Tensor(values, dtype=given), lambda values: values)
        if mixed:
            with pytest.raises(RuntimeError, match=OTHER_16_BITS):
                apply(OPERATIONS[name], *args, **case.options)
            return
        assert apply(OPERATIONS[name], *args, **case.options).dtype == expected


def test_both_refuse_binary_cross_entropy() -> None:
    with cuda_autocast(torch.float16), pytest.raises(RuntimeError, match="unsafe to autocast"):
        torch.nn.functional.binary_cross_entropy(on_cuda((2,), torch.float32), on_cuda((2,), torch.float32))
    with running(Precision(autocast=True)), pytest.raises(RuntimeError, match="unsafe to autocast"):
        functional.binary_cross_entropy(sf.Tensor([0.5]), sf.Tensor([0.5]))


COMPOSED: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "a number over a tensor": (lambda F, x: 1 / x, lambda F, x: 1 / x),
    "a norm": (lambda F, x: torch.norm(x), lambda F, x: functions.norm(x)),
    "attention": (
        lambda F, x: F.scaled_dot_product_attention(x, x, x), lambda F, x: F.scaled_dot_product_attention(x, x, x)
    ),
    "cross entropy of shares": (lambda F, x: F.cross_entropy(x, x), lambda F, x: F.cross_entropy(x, x)),
    "a square": (lambda F, x: x**2, lambda F, x: x**2),
}  # fmt: skip


@pytest.mark.parametrize("given", FORMATS, ids=str)
@pytest.mark.parametrize("name", COMPOSED)
def test_compositions_end_in_the_format_that_torchs_dispatcher_says(name: str, given: sf.Format) -> None:
    theirs, ours = COMPOSED[name]
    with cuda_autocast(torch.float16):
        expected = BACK[theirs(torch.nn.functional, on_cuda((2, 3, 4, 4), FORMATS[given])).dtype]
    with running(Precision(autocast=True)):
        x = sf.Tensor(np.ones((2, 3, 4, 4)), dtype=given)
        assert ours(functional, x).dtype == expected


class Watching(TorchDispatchMode):
    """Notes each operation that torch comes down to, and the format of its result."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Any]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, (tuple, list)) else result
        if isinstance(first, torch.Tensor):
            self.seen.append((str(function).split(".")[1], BACK.get(first.dtype)))
        return result


def test_cross_entropy_keeps_log_softmax_in_the_16_bits_of_its_input() -> None:
    with cuda_autocast(torch.float16):
        x, y = on_cuda((4, 5), torch.float16), on_cuda((4,), torch.int64)
        with Watching() as watching:
            torch.nn.functional.cross_entropy(x, y)
    assert watching.seen == [
        ("_log_softmax", sf.float16), ("_to_copy", sf.float32), ("nll_loss_forward", sf.float32)
    ]  # fmt: skip
    logits = sf.Tensor(np.ones((4, 5)), requires_grad=True, dtype="float16")
    with running(Precision(autocast=True)):
        node: Any = functional.cross_entropy(logits, np.zeros(4, int)).grad_fn
    found = []
    while node is not logits:
        found.append((node.operation.name, node.call.result.dtype))
        node = node.edges[0][1]
    assert found == [("nll_loss", sf.float32), ("_to_copy", sf.float32), ("log_softmax", sf.float16)]
