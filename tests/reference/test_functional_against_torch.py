"""Functions and methods as a torch page uses them, beside torch: options, ties, special values, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import simfp as sf
from simfp.autograd import functions
from simfp.nn import functional as simulated
from tests.near import BITS, hold

pytestmark = pytest.mark.torch

RNG = np.random.default_rng(23)
X, Y = (RNG.uniform(-2, 2, shape).astype(np.float32) for shape in ((3, 4), (3, 4)))
CUBE = RNG.uniform(-2, 2, (2, 3, 4)).astype(np.float32)
HEADS = [RNG.uniform(-1, 1, shape).astype(np.float32) for shape in ((2, 3, 5, 8), (2, 3, 5, 8), (2, 3, 5, 6))]
CLASSES = np.array([2, 0, 3])
SHARES = RNG.dirichlet(np.ones(4), 3).astype(np.float32)
WEIGHTS = np.array([0.5, 1.0, 2.0, 0.25], np.float32)
MASK = np.tri(5, dtype=bool)
TIES = np.array([[1, 3, 3, 0], [2, 2, 2, 2], [-1, 0, 0, -5]], np.float32)
HOLES = np.array([[1, np.nan, 3, 0], [np.inf, 2, -np.inf, np.inf], [0.0, -0.0, 1, np.nan]], np.float32)


class Side:
    """Ours, theirs, or theirs in float64 (`exact`): how tensors are made, and where functions are."""

    def __init__(self, name: str) -> None:
        self.ours, self.dtype = name == "ours", torch.float64 if name == "exact" else torch.float32
        self.F: Any = simulated if self.ours else torch.nn.functional
        self.leaves: list[Any] = []

    def leaf(self, values: np.ndarray) -> Any:
        theirs = {"dtype": self.dtype, "requires_grad": True}
        self.leaves.append(sf.Tensor(values, requires_grad=True) if self.ours else torch.tensor(values, **theirs))
        return self.leaves[-1]

    def plain(self, values: np.ndarray) -> Any:
        if self.ours:
            return values
        tensor = torch.from_numpy(values)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(functions if self.ours else torch, name)


def results(side: Side, program: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
    """What the program gives on a side, and the gradients of its sum with random weights of a few bits each."""
    result = program(side, *map(side.leaf, arrays))
    found = [result.detach().numpy()]
    if result.requires_grad:
        slope = np.asarray(np.random.default_rng(4).integers(4, 16, tuple(result.shape)) / 8, np.float32)
        result.backward(side.plain(slope))
        found += [np.asarray(leaf.grad) for leaf in side.leaves if leaf.grad is not None]
    return found


# Moves, choices, operations that are rounded once, and sums of few bits: the same in every order.
EXACT: dict[str, tuple[Any, ...]] = {
    "x[1]": (lambda s, x: x[1], X),
    "a row twice": (lambda s, x: x[s.plain(np.array([0, 2, 0, 0]))], X),
    "a mask": (lambda s, x: x[s.plain(x.detach().numpy() > 0)], X),
    "max": (lambda s, x: x.max(), TIES),
    "min": (lambda s, x: s.min(x), TIES),
    "max along": (lambda s, x: s.max(x, 1).values, TIES),
    "min along": (lambda s, x: x.min(dim=0, keepdim=True)[0], TIES),
    "max of two": (lambda s, x, y: s.max(x, y), X, Y),
    "amax": (lambda s, x: x.amax(1), TIES),
    "amin": (lambda s, x: s.amin(x, (0, 1)), TIES),
    "max with NaN": (lambda s, x: s.max(x, 1).values, HOLES),
    "relu of special values": (lambda s, x: x.relu(), HOLES),
    "maximum of special values": (lambda s, x, y: s.maximum(x, y), HOLES, X),
    "abs of special values": (lambda s, x: x.abs(), HOLES),
    "clamp of special values": (lambda s, x: x.clamp(-1, 1), HOLES),
    "clamp": (lambda s, x: x.clamp(min=-0.5), X),
    "where": (lambda s, x: s.where(s.plain(MASK[:3, :4]), x, 0.5), X),
    "masked_fill": (lambda s, x: x.masked_fill(s.plain(MASK[:3, :4]), float("-inf")), X),
    "masked by zeros of a tensor": (lambda s, x, y: x.masked_fill(s.tril(y) == 0, -1.0), X, Y),
    "split": (lambda s, x: s.cat(x.split(3, dim=1)[::-1], dim=1), X),
    "split by lengths": (lambda s, x: s.split(x, [1, 2, 1], 1)[1], X),
    "chunk": (lambda s, x: s.stack(x.chunk(2, dim=-1), dim=0), X),
    "chunk that leaves a rest": (lambda s, x: x.chunk(3, dim=1)[-1], X),
    "view": (lambda s, x: x.view(4, -1), X),
    "flatten": (lambda s, x: x.flatten(1), CUBE),
    "squeeze": (lambda s, x: x.unsqueeze(1).squeeze(), X),
    "squeeze an axis": (lambda s, x: x.unsqueeze(-1).unsqueeze(0).squeeze(0), X),
    "expand": (lambda s, x: x.unsqueeze(1).expand(-1, 2, -1) * 1.5, X),
    "T": (lambda s, x: x.T, X),
    "t": (lambda s, x: x.t(), X),
    "mT": (lambda s, x: x.mT, CUBE),
    "permute": (lambda s, x: x.permute(2, 0, 1), CUBE),
    "permute a list": (lambda s, x: s.permute(x, (1, 2, 0)), CUBE),
    "swapaxes": (lambda s, x: x.swapaxes(0, 2), CUBE),
    "triu": (lambda s, x: x.triu(1), X),
    "gather": (lambda s, x: x.gather(1, s.plain(CLASSES[:, None])), X),
    "iterating": (lambda s, x: [*x][2], X),
    "scalar operands": (lambda s, x: (2 - x) * 3 + 1 - (-x) / 4, X),
    "the reciprocal": (lambda s, x: 2.0 / x, X),
    "x ** 2": (lambda s, x: x**2, X),
    "square": (lambda s, x: x.square(), X),
    "mean": (lambda s, x: x.mean((0, 1), keepdim=True) * 2, TIES),
    "dropout of nothing": (lambda s, x: s.F.dropout(x, 0.0), X),
    "dropout in evaluation": (lambda s, x: s.F.dropout(x, 0.5, training=False), X),
    "dropout of all": (lambda s, x: s.F.dropout(x, 1.0), X),
    "leaky_relu": (lambda s, x: s.F.leaky_relu(x, 0.2), X),
    "nll_loss of nothing": (
        lambda s, x: s.F.nll_loss(x, s.plain(np.full(3, -100)), reduction="sum"), X
    ),
}  # fmt: skip

# Ours are within this many ulps of the largest exact value, or of 1: compositions of rows that are as near as
# test_ops_against_torch.py says.
NEAR = 8
COMPOSED: dict[str, tuple[Any, ...]] = {
    "cross_entropy": (lambda s, x: s.F.cross_entropy(x, s.plain(CLASSES)), X),
    "cross_entropy of one sample": (lambda s, x: s.F.cross_entropy(x[0], s.plain(np.array(2))), X),
    "cross_entropy of images": (
        lambda s, x: s.F.cross_entropy(x.transpose(1, 2), s.plain(np.array([[0, 3, 1], [2, 2, 0]]))), CUBE
    ),
    "cross_entropy of shares": (lambda s, x: s.F.cross_entropy(x, s.plain(SHARES)), X),
    "cross_entropy of shares that are learned": (
        lambda s, x, y: s.F.cross_entropy(x, y, label_smoothing=0.1, reduction="none"), X, SHARES
    ),
    "cross_entropy of weighted shares": (
        lambda s, x: s.F.cross_entropy(x, s.plain(SHARES), weight=s.plain(WEIGHTS), label_smoothing=0.2), X
    ),
    **{
        f"cross_entropy: {reduction}, weight {weighted}, smoothing {smoothing}, ignoring {ignored}": (
            lambda s, x, reduction=reduction, weighted=weighted, smoothing=smoothing, ignored=ignored: (
                s.F.cross_entropy(
                    x, s.plain(CLASSES), s.plain(WEIGHTS) if weighted else None, reduction=reduction,
                    label_smoothing=smoothing, ignore_index=ignored,
                )
            ), X
        )
        for reduction in ("mean", "sum", "none") for weighted in (False, True)
        for smoothing in (0.0, 0.1) for ignored in (-100, 3)
    },
    "attention": (lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k, v), *HEADS),
    "causal attention": (lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k, v, is_causal=True), *HEADS),
    "attention under a mask": (
        lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k, v, s.plain(MASK[::-1].copy())), *HEADS
    ),
    "attention under a mask of everything": (
        lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k, v, s.plain(np.tri(5, k=-2, dtype=bool))), *HEADS
    ),
    "attention with numbers added": (
        lambda s, q, k, v: s.F.scaled_dot_product_attention(q, k, v, s.plain(MASK * np.float32(1)), scale=0.7), *HEADS
    ),
    "attention by hand": (
        lambda s, q, k, v: (q @ k.transpose(-2, -1) / math.sqrt(8)).masked_fill(s.plain(~MASK), float("-inf"))
        .softmax(dim=-1) @ v, *HEADS
    ),
    "bmm": (lambda s, x: s.bmm(x, x.mT), CUBE),
    "mm": (lambda s, x, y: x.mm(y.t()), X, Y),
    "norm": (lambda s, x: x.norm(), X),
    "norm along": (lambda s, x: s.norm(x, p=2, dim=1, keepdim=True), X),
    "std": (lambda s, x: x.std(dim=1), X),
    "logsumexp": (lambda s, x: s.logsumexp(x, dim=-1), X),
    "a normalization by hand": (
        lambda s, x: (x - x.mean(-1, True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt(), X
    ),
    "gelu": (lambda s, x: s.F.gelu(x, approximate="tanh"), X),
    "embedding": (lambda s, x: s.F.embedding(s.plain(np.array([[0, 2], [2, 2]])), x, padding_idx=-1), X),
    "a small CNN": (
        lambda s, x, w, b: s.F.max_pool2d(s.F.relu(s.F.conv2d(x, w, b, padding="same")), 2).flatten(1).log_softmax(1),
        *(RNG.uniform(-1, 1, shape).astype(np.float32) for shape in ((2, 3, 8, 8), (4, 3, 3, 3), (4,))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_the_bits_are_torchs(name: str) -> None:
    for ours, theirs in zip(*(results(Side(side), *EXACT[name]) for side in ("ours", "theirs")), strict=True):
        hold(ours, theirs, None, BITS)


@pytest.mark.parametrize("name", COMPOSED)
def test_compositions_are_near_exact_as_torchs_are(name: str) -> None:
    sides = (results(Side(side), *COMPOSED[name]) for side in ("ours", "theirs", "exact"))
    for ours, theirs, exact in zip(*sides, strict=True):
        hold(ours, theirs, exact, NEAR)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_attention_in_16_bits_is_rounded_at_its_end(name: str) -> None:
    ours = [sf.Tensor(each, dtype=name) for each in HEADS]
    theirs = [torch.tensor(each.data.values).to(getattr(torch, name)) for each in ours]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        attention = torch.nn.functional.scaled_dot_product_attention
        near, exact = (attention(*each, is_causal=True) for each in (theirs, [t.double() for t in theirs]))
    found = simulated.scaled_dot_product_attention(*ours, is_causal=True)
    assert str(found.dtype) == name
    hold(found.data.values, near.float().numpy(), exact.numpy(), 0.6, found.dtype, each=True)
    # an exp that is an ulp of float32 away now and then turns a rounding to 16 bits
    assert (found.data.values != sf.round_to(exact.numpy(), found.dtype)).mean() < 0.01


@pytest.mark.parametrize("training", [True, False])
def test_running_statistics_are_torchs(training: bool) -> None:
    x = RNG.uniform(-2, 3, (4, 3, 2, 2)).astype(np.float32)
    start = [np.array([0.1, -0.2, 0.3], np.float32), np.array([1.0, 2.0, 0.5], np.float32)]
    sides = [[kind(each) for each in start] for kind in (sf.Tensor, torch.tensor, lambda x: torch.tensor(x).double())]
    simulated.batch_norm(sf.Tensor(x), *sides[0], training=training, momentum=0.3)
    for theirs in sides[1:]:
        given = torch.tensor(x).to(theirs[0].dtype)
        torch.nn.functional.batch_norm(given, *theirs, training=training, momentum=0.3)
    for before, *made in zip(start, *sides, strict=True):
        ours, theirs, exact = (each.numpy() for each in made)
        hold(ours, theirs, exact, 1.5, each=True)
        assert (ours != before).all() == training


def test_places_of_the_largest_are_torchs() -> None:
    for dim in (None, 0, 1, -1):
        assert np.array_equal(functions.argmax(sf.Tensor(TIES), dim), torch.tensor(TIES).argmax(dim))
    found, expected = functions.max(sf.Tensor(HOLES), 1), torch.max(torch.tensor(HOLES), 1)
    assert np.array_equal(found.indices, expected.indices)


# --- errors

WRONG: dict[str, Any] = {
    "shapes that do not multiply": lambda s, x: x @ x,
    "linear of other features": lambda s, x: s.F.linear(x, x.T),
    "vectors of two lengths": lambda s, x: x[0] @ x.T[0],
    "stacks of other lengths": lambda s, x: x.expand(2, 1, *x.shape) @ x.T.expand(3, 1, *x.T.shape),
    "stacks within stacks of other lengths": lambda s, x: x.expand(5, 2, *x.shape) @ x.T.expand(3, *x.T.shape),
    "a product with a number's tensor": lambda s, x: x @ x.sum(),
    "shapes that do not broadcast": lambda s, x: x + x[:2],
    "a product of shapes that do not broadcast": lambda s, x: x.unsqueeze(0) * x.T,
    "an axis that is not there": lambda s, x: x.sum(2),
    "a mean over an axis that is not there": lambda s, x: x.mean(-3),
    "an axis twice": lambda s, x: x.sum((0, 0)),
    "a shape that does not hold the values": lambda s, x: x.view(5, 2),
    "two lengths to be found": lambda s, x: x.reshape(-1, -1),
    "a permutation that is none": lambda s, x: x.permute(0, 0),
    "a transpose of an axis that is not there": lambda s, x: x.transpose(0, 2),
    "an expansion of a longer axis": lambda s, x: x.expand(3, 5),
    "joining nothing": lambda s, x: s.cat([]),
    "joining other shapes": lambda s, x: s.cat([x, x.T]),
    "stacking other shapes": lambda s, x: s.stack([x, x.T]),
    "joining a tensor alone": lambda s, x: s.cat(x),
    "splitting to wrong lengths": lambda s, x: x.split([1, 1], 1),
    "no chunks": lambda s, x: x.chunk(0),
    "the transpose of three axes": lambda s, x: x.unsqueeze(0).t(),
    "an index out of range": lambda s, x: x[5],
    "a mask of numbers": lambda s, x: x.masked_fill(x, 0.0),
    "clamp without bounds": lambda s, x: x.clamp(),
    "class of float": lambda s, x: s.F.nll_loss(x, x[:, 0]),
    "classes of another count": lambda s, x: s.F.cross_entropy(x, s.plain(np.zeros(5, int))),
    "a class that is not there": lambda s, x: s.F.cross_entropy(x, s.plain(np.array([0, 4, 1]))),
    "an unknown reduction": lambda s, x: s.F.mse_loss(x, x, reduction="total"),
    "label smoothing above 1": lambda s, x: s.F.cross_entropy(x, s.plain(CLASSES), label_smoothing=1.5),
    "no probabilities": lambda s, x: s.F.binary_cross_entropy(x, x),
    "targets of another shape": lambda s, x: s.F.binary_cross_entropy_with_logits(x, x[0]),
    "a negative beta": lambda s, x: s.F.smooth_l1_loss(x, x, beta=-1.0),
    "a delta of 0": lambda s, x: s.F.huber_loss(x, x, delta=0.0),
    "an unknown approximation": lambda s, x: s.F.gelu(x, approximate="none of them"),
    "a dropout probability above 1": lambda s, x: s.F.dropout(x, 1.5),
    "a normalized shape of other axes": lambda s, x: s.F.layer_norm(x, (3,)),
    "a normalization's weight of another shape": lambda s, x: s.F.layer_norm(x, (4,), x[0, :3]),
    "groups that do not divide": lambda s, x: s.F.group_norm(x, 3),
    "a batch of one value": lambda s, x: s.F.batch_norm(x[:1], None, None, training=True),
    "a batch norm of no statistics": lambda s, x: s.F.batch_norm(x, None, None),
    "convolution of a matrix": lambda s, x: s.F.conv2d(x, x.view(1, 1, 3, 4)),
    "other channels": lambda s, x: s.F.conv2d(x.view(1, 1, 3, 4), x.view(1, 2, 3, 2)),
    "a kernel larger than the image": lambda s, x: s.F.conv2d(x.view(1, 1, 3, 4), x.view(1, 1, 4, 3)),
    "pooling windows larger than the image": lambda s, x: s.F.max_pool2d(x.view(1, 1, 3, 4), 5),
    "pooling with too much padding": lambda s, x: s.F.avg_pool2d(x.view(1, 1, 3, 4), 2, padding=2),
    "rows of a float": lambda s, x: s.F.embedding(x, x),
    "a row that is not there": lambda s, x: s.F.embedding(s.plain(np.array([3])), x),
    "a mask beside a causal one": lambda s, x: s.F.scaled_dot_product_attention(
        x, x, x, s.plain(MASK[:3, :3].copy()), is_causal=True
    ),
    "iterating over a number": lambda s, x: [*x.sum()],
    "backward of several values": lambda s, x: (x * x).backward(),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_both_refuse(name: str) -> None:
    kinds = []
    for side in (Side("ours"), Side("theirs")):
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError, AssertionError)) as caught:
            WRONG[name](side, side.leaf(X))
        kinds.append(caught.type)
        assert str(caught.value)
    assert kinds[0] is kinds[1]


@pytest.mark.parametrize("value", [1e9, -1e5])
def test_both_refuse_to_fill_with_a_number_beyond_float16(value: float) -> None:
    for side in (Side("ours"), Side("theirs")):
        with pytest.raises(RuntimeError, match=r"value cannot be converted to type .* without overflow"):
            side.leaf(X).half().masked_fill(side.plain(MASK[:3, :4]), value)


@pytest.mark.parametrize(
    "compute",
    [
        lambda s, x: s.F.gelu(x),
        lambda s, x: s.F.softmax(x, 0),
        lambda s, x: s.F.layer_norm(x, (3,)),
        lambda s, x: s.mean(x),
    ],
)
def test_integers_are_refused_where_numbers_must_be_floating(compute: Any) -> None:
    integers = np.arange(3)
    with pytest.raises(RuntimeError, match="floating-point"):
        compute(Side("ours"), integers)
