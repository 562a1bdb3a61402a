"""The format of every result under autocast for CUDA, as torch's own dispatcher decides it.

No GPU is needed: torch's fake tensors have a device and a format but no values, and autocast for CUDA casts them as it
casts true ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import simfp as sf
from simfp import nn
from simfp.amp import autocast, autocast_rule
from simfp.ops import OPERATIONS
from tests.reference.test_autocast_of_ops import ASKED, NEEDS_A_GPU, REFUSED
from tests.reference.test_nn_against_torch import LAYERS

pytestmark = pytest.mark.torch

FORMATS = ("float32", "float16", "bfloat16")


@contextmanager
def cuda_autocast(fmt: str) -> Iterator[None]:
    """autocast for CUDA over fake tensors; torch.autocast would look for a true GPU and disable itself."""
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    try:
        with torch.no_grad(), FakeTensorMode():
            torch.set_autocast_enabled("cuda", True)
            torch.set_autocast_dtype("cuda", getattr(torch, fmt))
            yield
    finally:
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])


def fake(shape: tuple[int, ...], fmt: str) -> torch.Tensor:
    return torch.empty(shape, dtype=getattr(torch, fmt), device="cuda")


def ours(shape: tuple[int, ...], fmt: str) -> sf.Tensor:
    return sf.Tensor(np.full(shape, 0.5, np.float32), dtype=fmt)


def outcome(call: Callable[[], Any]) -> str:
    """The format of the result, or that there was a RuntimeError (torch) or a TypeError, too (ours)."""
    try:
        result = call()
    except (RuntimeError, TypeError) as error:
        if "not linked with support for cuda" in str(error):  # which says nothing of formats
            raise
        return "error"
    first = result[0] if isinstance(result, tuple) else result
    return str(first.dtype).removeprefix("torch.")


M, V, IMAGE, KERNEL, HEADS = (2, 3), (3,), (1, 2, 4, 4), (3, 2, 2, 2), (1, 2, 3, 8)  # shapes
CUBE, KERNELS = (2, 3, 4), (2, 3, 2, 2)

# fmt: off
# operation, the call (F: nn.functional; x, y, z: tensors), and the tensors' shapes
CALLS: list[tuple[str, Callable[..., Any], list[tuple[int, ...]]]] = [
    ("linear",                           lambda F, x, y, z: F.linear(x, y, z),                       [M, (3, 3), V]),
    ("matmul",                           lambda F, x, y: x @ y,                                      [M, (3, 4)]),
    ("conv2d",                           lambda F, x, y: F.conv2d(x, y),                             [IMAGE, KERNEL]),
    ("add",                              lambda F, x, y: x + y,                                      [M, M]),
    ("sub",                              lambda F, x, y: x - y,                                      [M, M]),
    ("mul",                              lambda F, x, y: x * y,                                      [M, M]),
    ("div",                              lambda F, x, y: x / y,                                      [M, M]),
    ("pow",                              lambda F, x: x**2,                                          [M]),
    ("neg",                              lambda F, x: -x,                                            [M]),
    ("abs",                              lambda F, x: x.abs(),                                       [M]),
    ("exp",                              lambda F, x: x.exp(),                                       [M]),
    ("log",                              lambda F, x: x.log(),                                       [M]),
    ("sqrt",                             lambda F, x: x.sqrt(),                                      [M]),
    ("rsqrt",                            lambda F, x: x.rsqrt(),                                     [M]),
    ("reciprocal",                       lambda F, x: x.reciprocal(),                                [M]),
    ("tanh",                             lambda F, x: x.tanh(),                                      [M]),
    ("sigmoid",                          lambda F, x: x.sigmoid(),                                   [M]),
    ("relu",                             lambda F, x: F.relu(x),                                     [M]),
    ("leaky_relu",                       lambda F, x: F.leaky_relu(x),                               [M]),
    ("gelu",                             lambda F, x: F.gelu(x),                                     [M]),
    ("silu",                             lambda F, x: F.silu(x),                                     [M]),
    ("softplus",                         lambda F, x: F.softplus(x),                                 [M]),
    ("softmax",                          lambda F, x: F.softmax(x, 1),                               [M]),
    ("log_softmax",                      lambda F, x: F.log_softmax(x, 1),                           [M]),
    ("logsumexp",                        lambda F, x: x.logsumexp(1),                                [M]),
    ("sum",                              lambda F, x: x.sum(),                                       [M]),
    ("mean",                             lambda F, x: x.mean(1),                                     [M]),
    ("var",                              lambda F, x: x.var(1),                                      [M]),
    ("std",                              lambda F, x: x.std(1),                                      [M]),
    ("amax",                             lambda F, x: x.amax(1),                                     [M]),
    ("amin",                             lambda F, x: x.amin(1),                                     [M]),
    ("clamp",                            lambda F, x: x.clamp(0.0, 1.0),                             [M]),
    ("maximum",                          lambda F, x, y: x.maximum(y),                               [M, M]),
    ("minimum",                          lambda F, x, y: x.minimum(y),                               [M, M]),
    ("reshape",                          lambda F, x: x.reshape(6),                                  [M]),
    ("layer_norm",                       lambda F, x, y, z: F.layer_norm(x, (3,), y, z),             [M, V, V]),
    ("rms_norm",                         lambda F, x, y: F.rms_norm(x, (3,), y),                     [M, V]),
    ("group_norm",                       lambda F, x, y, z: F.group_norm(x, 3, y, z),                [(2, 3, 3), V, V]),
    ("dropout",                          lambda F, x: F.dropout(x, 0.5),                             [M]),
    ("max_pool2d",                       lambda F, x: F.max_pool2d(x, 2),                            [IMAGE]),
    ("avg_pool2d",                       lambda F, x: F.avg_pool2d(x, 2),                            [IMAGE]),
    ("scaled_dot_product_attention",     lambda F, x, y, z: F.scaled_dot_product_attention(x, y, z), [HEADS] * 3),
    ("mse_loss",                         lambda F, x, y: F.mse_loss(x, y),                           [M, M]),
    ("l1_loss",                          lambda F, x, y: F.l1_loss(x, y),                            [M, M]),
    ("smooth_l1_loss",                   lambda F, x, y: F.smooth_l1_loss(x, y),                     [M, M]),
    ("huber_loss",                       lambda F, x, y: F.huber_loss(x, y),                         [M, M]),
    ("binary_cross_entropy",             lambda F, x, y: F.binary_cross_entropy(x, y),               [M, M]),
    ("binary_cross_entropy_with_logits", lambda F, x, y: F.binary_cross_entropy_with_logits(x, y),   [M, M]),
    ("conv1d",                           lambda F, x, y: F.conv1d(x, y),                             [CUBE, (2, 3, 2)]),
    ("conv_transpose1d",                 lambda F, x, y: F.conv_transpose1d(x, y),                   [CUBE, (3, 2, 2)]),
    ("conv_transpose2d",                 lambda F, x, y: F.conv_transpose2d(x, y),                   [IMAGE, KERNELS]),
    ("prelu",                            lambda F, x, y: F.prelu(x, y),                              [M, V]),
    ("elu",                              lambda F, x: F.elu(x),                                      [M]),
    ("hardtanh",                         lambda F, x: F.hardtanh(x),                                 [M]),
    ("hardsigmoid",                      lambda F, x: F.hardsigmoid(x),                              [M]),
    ("hardswish",                        lambda F, x: F.hardswish(x),                                [M]),
    ("mish",                             lambda F, x: F.mish(x),                                     [M]),
    ("log_sigmoid",                      lambda F, x: F.logsigmoid(x),                               [M]),
    ("glu",                              lambda F, x: F.glu(x),                                      [(2, 4)]),
    ("softsign",                         lambda F, x: F.softsign(x),                                 [M]),
    ("max_pool1d",                       lambda F, x: F.max_pool1d(x, 2),                            [CUBE]),
    ("avg_pool1d",                       lambda F, x: F.avg_pool1d(x, 2),                            [CUBE]),
    ("adaptive_avg_pool2d",              lambda F, x: F.adaptive_avg_pool2d(x, 3),                   [IMAGE]),
    ("instance_norm",                    lambda F, x: F.instance_norm(x),                            [CUBE]),
    ("pad",                              lambda F, x: F.pad(x, (1, 1)),                              [M]),
    ("upsample_nearest1d",               lambda F, x: F.interpolate(x, scale_factor=2),              [CUBE]),
    ("upsample_nearest2d",               lambda F, x: F.interpolate(x, scale_factor=2),              [IMAGE]),
    ("upsample_linear1d",                lambda F, x: F.interpolate(x, 5, mode="linear"),            [CUBE]),
    ("upsample_bilinear2d",              lambda F, x: F.interpolate(x, 5, mode="bilinear"),          [IMAGE]),
    ("pixel_shuffle",                    lambda F, x: F.pixel_shuffle(x, 1),                         [IMAGE]),
    ("normalize",                        lambda F, x: F.normalize(x),                                [M]),
    ("cosine_similarity",                lambda F, x, y: F.cosine_similarity(x, y),                  [M, M]),
    ("pairwise_distance",                lambda F, x, y: F.pairwise_distance(x, y),                  [M, M]),
    ("kl_div",                           lambda F, x, y: F.kl_div(x, y, reduction="sum"),            [M, M]),
    ("poisson_nll_loss",                 lambda F, x, y: F.poisson_nll_loss(x, y),                   [M, M]),
    ("cosine_embedding_loss",            lambda F, x, y, z: F.cosine_embedding_loss(x, y, z),        [M, M, (2,)]),
    ("margin_ranking_loss",              lambda F, x, y, z: F.margin_ranking_loss(x, y, z),          [M, M, M]),
    ("hinge_embedding_loss",             lambda F, x, y: F.hinge_embedding_loss(x, y),               [M, M]),
    ("soft_margin_loss",                 lambda F, x, y: F.soft_margin_loss(x, y),                   [M, M]),
    ("triplet_margin_loss",              lambda F, x, y, z: F.triplet_margin_loss(x, y, z),          [M, M, M]),
]
# fmt: on
IDS = [row[0] for row in CALLS]


@pytest.mark.parametrize("region", ["float16", "bfloat16"])
@pytest.mark.parametrize(("name", "call", "shapes"), CALLS, ids=IDS)
def test_a_result_has_the_format_that_torch_gives_it_on_cuda(
    name: str, call: Callable[..., Any], shapes: list[tuple[int, ...]], region: str
) -> None:
    for formats in product(FORMATS, repeat=len(shapes)):
        with cuda_autocast(region):
            tensors = [fake(shape, fmt) for shape, fmt in zip(shapes, formats)]
            expected = outcome(lambda given=tensors: call(torch.nn.functional, *given))
        with autocast(dtype=region):
            given = [ours(shape, fmt) for shape, fmt in zip(shapes, formats)]
            assert outcome(lambda given=given: call(nn.functional, *given)) == expected, formats


@pytest.mark.parametrize("region", ["float16", "bfloat16"])
@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize(
    ("name", "args", "options", "shape", "ulps"),
    [row for row in LAYERS if row[0] != "Unfold"],  # which a fake GPU cannot run
    ids=lambda x: str(x),
)
def test_a_layer_of_float32_parameters_gives_the_format_that_torchs_gives_on_cuda(
    name: str, args: Any, options: Any, shape: tuple[int, ...], ulps: float, fmt: str, region: str
) -> None:
    theirs = getattr(torch.nn, name)(*args, **options).eval()  # a fake GPU changes no statistics in place
    state = {key: (each.shape, each.dtype) for key, each in theirs.state_dict().items()}
    with cuda_autocast(region):
        parameters = {key: torch.empty(size, dtype=dtype, device="cuda") for key, (size, dtype) in state.items()}
        y = torch.func.functional_call(theirs, parameters, (fake(shape, fmt),))
    with autocast(dtype=region):
        layer = getattr(nn, name)(*args, **options).eval()
        assert str(layer(ours(shape, fmt)).dtype) == str(y.dtype).removeprefix("torch.")


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("fmt", FORMATS)
def test_attention_gives_the_formats_that_torchs_gives_on_cuda(fmt: str, masked: bool, need_weights: bool) -> None:
    theirs = torch.nn.MultiheadAttention(8, 2)
    state = {key: each.shape for key, each in theirs.state_dict().items()}
    with cuda_autocast("float16"):
        x = [fake((3, 2, 8), fmt) for _ in range(3)]  # three tensors: a fake GPU cannot pack one product's parts
        mask = fake((3, 3), fmt) if masked else None
        parameters = {key: fake(size, "float32") for key, size in state.items()}
        options = {"attn_mask": mask, "need_weights": need_weights}
        expected = torch.func.functional_call(theirs, parameters, tuple(x), options)
    with autocast():
        q = ours((3, 2, 8), fmt)
        mask = ours((3, 3), fmt) if masked else None
        result = nn.MultiheadAttention(8, 2)(q, q, q, attn_mask=mask, need_weights=need_weights)
    for mine, other in zip(result, expected):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert str(mine.dtype) == str(other.dtype).removeprefix("torch.")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("fmt", FORMATS)
def test_cross_entropy_gives_the_format_that_torchs_gives_on_cuda(fmt: str, smoothing: float) -> None:
    with cuda_autocast("float16"):
        target = torch.empty(2, dtype=torch.long, device="cuda")
        expected = torch.nn.functional.cross_entropy(fake((2, 3), fmt), target, label_smoothing=smoothing)
    with autocast():
        loss = nn.CrossEntropyLoss(label_smoothing=smoothing)(ours((2, 3), fmt), np.array([0, 2]))
    assert str(loss.dtype) == str(expected.dtype).removeprefix("torch.")


def test_every_operation_that_autocast_treats_is_compared() -> None:
    treated = {name for name in OPERATIONS if autocast_rule(name) != "follows_inputs"}
    assert treated - set(IDS) <= {*ASKED, REFUSED, *NEEDS_A_GPU}  # beside the dispatcher alone
