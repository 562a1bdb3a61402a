"""Integers, truth values, comparisons and what picks values, against torch: types, shapes, values and errors."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

import simfp as sf
from simfp.autograd import functions, picking, pointwise, products, shaping, truth
from simfp.nn import functional

pytestmark = pytest.mark.torch


class Ours:
    """simfp's functions of tensors under one roof, as torch has them."""

    F = functional

    def __getattr__(self, name: str) -> Any:
        for module in (functions, truth, picking, pointwise, products, shaping, sf):
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


class Theirs:
    F = torch.nn.functional

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


OURS, THEIRS = Ours(), Theirs()


def told(x: Any) -> Any:
    """What there is to compare of a result: type, shape and values."""
    if isinstance(x, (sf.Tensor, torch.Tensor)):
        name = str(x.dtype).removeprefix("torch.")
        plain = x.detach()
        values = plain.tolist() if "float" not in name else plain.float().numpy().astype(np.float64).tolist()
        return name, tuple(x.shape), str(values)  # as text, NaN equals itself
    if isinstance(x, (tuple, list)):
        return [told(part) for part in x]
    if isinstance(x, np.ndarray):
        return str(x.dtype), x.shape, x.tolist()
    return type(x).__name__, x


def outcome(program: Callable[[Any], Any], side: Any) -> Any:
    try:
        return told(program(side))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return "refused", type(error).__name__ if not isinstance(error, RuntimeError) else "RuntimeError"


# --- two operands: of every two types, with axes, without, and as numbers

TYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float32"]
OPERATORS = {
    word: getattr(operator, word)
    for word in [
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "and_",
        "or_",
        "xor",
    ]
}
VALUES = {"bool": [True, False, True], "uint8": [200, 3, 7], "int8": [-100, 3, 7], "float32": [-2.5, 3.0, 7.5]}


def made(side: Any, dtype: str, ndim: int, zero: bool = False) -> Any:
    values = VALUES.get(dtype, [-100, 3, 7])
    values = [True, True, True] if zero and dtype == "bool" else values
    return side.tensor(values if ndim else values[1] or True, dtype=getattr(side, dtype))


@pytest.mark.parametrize("right", TYPES)
@pytest.mark.parametrize("left", TYPES)
def test_two_types_meet_as_in_torch(left: str, right: str) -> None:
    for (word, compute), x_axes, y_axes in product(OPERATORS.items(), (1, 0), (1, 0)):
        whole = word in ("truediv", "floordiv", "mod")

        def program(side: Any) -> Any:
            return compute(made(side, left, x_axes), made(side, right, y_axes, whole))  # noqa: B023

        ours, theirs = outcome(program, OURS), outcome(program, THEIRS)
        assert ours == theirs, (word, x_axes, y_axes)


@pytest.mark.parametrize("number", [True, 2, -3, 300, 0.5], ids=repr)
@pytest.mark.parametrize("dtype", TYPES)
def test_numbers_meet_types_as_in_torch(dtype: str, number: Any) -> None:
    for word, compute in OPERATORS.items():
        if (number == 300 or (number, dtype) == (-3, "uint8")) and word in ("eq", "ne", "lt", "le", "gt", "ge"):
            continue  # there torch first wraps the number around, so that of uint8 44 == 300
        if number == -3 and word == "truediv":
            continue  # on CUDA that is the product with 1 / -3, on a CPU a quotient
        if dtype == "float32" and number is True and word == "sub":
            continue  # which torch refuses

        for ahead in (False, True):

            def program(side: Any) -> Any:
                x = made(side, dtype, 1, ahead and compute in (operator.floordiv, operator.mod))  # noqa: B023
                return compute(number, x) if ahead else compute(x, number)  # noqa: B023

            ours, theirs = outcome(program, OURS), outcome(program, THEIRS)
            assert ours == theirs, (word, ahead)


# --- one at a time


def ints(side: Any, dtype: str = "int64") -> Any:
    return side.tensor([[3, -1, 2], [2, 7, 0]] if dtype not in ("uint8", "bool") else [[3, 1, 2], [2, 7, 0]],
                       dtype=getattr(side, dtype))  # fmt: skip


def ties(side: Any) -> Any:
    return side.tensor([[2.0, 1.0, 2.0, -1.0], [0.5, 0.5, -3.0, 0.5]])


def holes(side: Any) -> Any:
    return side.tensor([[2.0, float("nan"), float("inf")], [-float("inf"), 0.0, -0.0]])


OF_INTEGERS = [
    "abs", "neg", "sum", "prod", "exp", "sqrt", "sigmoid", "tanh", "sin", "cos", "log2", "erf", "floor", "ceil",
    "round", "trunc", "sign", "square", "clone", "t", "flatten", "isnan", "isinf", "isfinite", "any", "all", "argmax",
    "argmin", "argsort", "sort", "nonzero", "unique", "count_nonzero", "median", "max", "min", "amax", "amin", "relu",
    "mean", "std", "var", "norm", "reciprocal", "logical_not", "bitwise_not", "tolist", "numel", "dim", "diff", "tril",
    "signbit", "frac", "numpy", "is_floating_point", "element_size", "type", "log_softmax",
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int32", "int64"])
@pytest.mark.parametrize("name", OF_INTEGERS)
def test_methods_of_integers_are_torchs(name: str, dtype: str) -> None:
    if name in ("exp", "sqrt", "sigmoid", "tanh", "sin", "cos", "log2", "erf", "reciprocal"):  # their bits are floats'
        results = [getattr(ints(side, dtype), name)() for side in (OURS, THEIRS)]
        assert str(results[0].dtype) == str(results[1].dtype).removeprefix("torch.")
        np.testing.assert_allclose(results[0].numpy(), results[1].numpy(), rtol=1e-6)
        return
    extra = (0,) if name == "log_softmax" else ()

    def program(side: Any) -> Any:
        return getattr(ints(side, dtype), name)(*extra)

    assert outcome(program, OURS) == outcome(program, THEIRS)


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    # making
    "ints": lambda s: s.tensor([1, 2]),
    "bools": lambda s: s.tensor([[True], [False]]),
    "mixed": lambda s: s.tensor([1, 2.5]),
    "bool and int": lambda s: s.tensor([True, 2]),
    "a number": lambda s: s.tensor(3),
    "an empty list": lambda s: s.tensor([]),
    "of tensors": lambda s: s.tensor([s.tensor(1), s.tensor(2)]),
    "NumPy's int8": lambda s: s.tensor(np.array([1, 2], np.int8)),
    "NumPy's bool": lambda s: s.tensor(np.array([True])),
    "NumPy's float16": lambda s: s.tensor(np.array([0.1], np.float16)),
    "cut off": lambda s: s.tensor([1.9, -1.9], dtype=s.int64),
    "of rows of two lengths": lambda s: s.tensor([[1], [2, 3]]),
    "a gradient": lambda s: s.tensor([1], requires_grad=True),
    # to other types
    "long": lambda s: s.tensor([1.9, -1.9, 3e9]).long(),
    "int to uint8": lambda s: s.tensor([-1, 300, 7]).to(s.uint8),
    "to bool": lambda s: s.tensor([0.0, 0.5, float("nan"), -0.0]).bool(),
    "bool to half": lambda s: s.tensor([True, False]).half(),
    "large to float": lambda s: s.tensor([2**24 + 1, 2**60 + 2**36 + 1]).float(),
    "to a tensor": lambda s: s.tensor([1.5]).to(s.tensor([1], dtype=s.int16)),
    "type_as": lambda s: s.tensor([1, 2]).type_as(s.tensor([0.5])),
    "type": lambda s: s.tensor([1, 2]).type(s.float16),
    "type by name": lambda s: s.tensor([1.5]).type("torch.LongTensor"),
    "device": lambda s: s.tensor([1]).to("cpu", s.float32, non_blocking=True),
    "copy": lambda s: s.tensor([1]).to(s.int64, copy=True),
    "new_zeros": lambda s: s.tensor([1]).new_zeros(2, 3),
    "new_full": lambda s: s.tensor([0.5]).new_full((2,), 3),
    "new_tensor": lambda s: s.tensor([0.5]).new_tensor([1, 2]),
    # comparisons
    "accuracy": lambda s: (ties(s).argmax(1) == s.tensor([0, 1])).float().mean(),
    "count": lambda s: (ties(s) > 0).sum(),
    "mean of bools": lambda s: (ties(s) > 0).mean(),
    "None": lambda s: [s.tensor([1]) == None, s.tensor([1]) != None, s.tensor(1.5) == "a"],  # noqa: E711
    "less than None": lambda s: s.tensor([1]) < None,
    "eq of None": lambda s: s.eq(s.tensor([1]), None),
    "in": lambda s: [2 in ints(s), 9 in ints(s), s.tensor(7) in ints(s)],
    "None in": lambda s: None in ints(s),
    "float beside int": lambda s: ints(s) >= 1.5,
    "broadcast": lambda s: ints(s) == s.tensor([[3], [2]]),
    "no broadcast": lambda s: ints(s) == s.tensor([3, 2]),
    "not": lambda s: ~(ties(s) > 0),
    "not of ints": lambda s: ~ints(s),
    "not of floats": lambda s: ~ties(s),
    "and of floats": lambda s: ties(s) & ties(s),
    "shifts": lambda s: [ints(s) << 2, ints(s) >> 1, 1 << s.tensor([3])],
    "logical": lambda s: [
        s.logical_and(ties(s), ties(s)), s.logical_or(ints(s), ints(s)), s.logical_xor(ints(s), ints(s) > 1),
    ],
    "isnan": lambda s: [s.isnan(holes(s)), s.isinf(holes(s)), s.isfinite(holes(s)), s.isposinf(holes(s))],
    "isclose": lambda s: s.isclose(s.tensor([1.0, 1.0, 2.0]), s.tensor([1.0, 1.000001, 2.1])),
    "allclose": lambda s: [s.allclose(ties(s), ties(s)), s.allclose(holes(s), holes(s), equal_nan=True)],
    "isclose of two types": lambda s: s.isclose(s.tensor([1.0]), s.tensor([1])),
    "equal": lambda s: [s.equal(ints(s), ints(s)), s.equal(ints(s), s.tensor([1])), s.equal(holes(s), holes(s))],
    "any along": lambda s: [ints(s).any(1), (ints(s) > 2).all(dim=0, keepdim=True), ints(s).any(dim=(0, 1))],
    "any of none": lambda s: [s.tensor([]).any(), s.tensor([]).all()],
    "bool of two": lambda s: bool(s.tensor([True, False])),
    "bool of none": lambda s: bool(s.tensor([])),
    # Python's own
    "item": lambda s: [s.tensor(3).item(), s.tensor([True]).item(), s.tensor([[0.5]]).item()],
    "item of two": lambda s: s.tensor([1, 2]).item(),
    "numbers": lambda s: [int(s.tensor(2.7)), float(s.tensor(3)), int(s.tensor([-2.7])), bool(s.tensor(0))],
    "int of two": lambda s: int(s.tensor([1, 2])),
    "index": lambda s: [[10, 20, 30][s.tensor(1)], list(range(s.tensor(3)))],
    "index of float": lambda s: range(s.tensor(3.0)),
    "format": lambda s: [f"{s.tensor(0.5):.4f}", f"{s.tensor(3):03d}", f"{s.tensor([0.25]).mean():.2e}"],
    "format of two": lambda s: f"{s.tensor([1, 2]):.2f}",
    "len and iterate": lambda s: [len(ints(s)), list(ints(s)), list(s.tensor([True, False]))],
    "iterate over none": lambda s: list(s.tensor(1)),
    # which values, and where
    "argmax": lambda s: [ties(s).argmax(), ties(s).argmax(1), ties(s).argmin(dim=0, keepdim=True), holes(s).argmax(1)],
    "argmax of none": lambda s: s.tensor([]).argmax(),
    "max along": lambda s: tuple(ties(s).max(1)) + tuple(ints(s).min(dim=0, keepdim=True)),
    "max of bools": lambda s: tuple((ties(s) > 1).max(1)),
    "max of two": lambda s: s.max(ints(s), s.tensor([1, 1, 1])),
    "sort": lambda s: tuple(s.sort(ties(s), stable=True)) + tuple(s.sort(ties(s), dim=0, descending=True, stable=True)),
    "sort of holes": lambda s: tuple(holes(s).sort(1)) + tuple(holes(s).sort(1, descending=True)),
    "argsort": lambda s: s.argsort(ties(s), dim=1, stable=True),
    "topk": lambda s: tuple(ints(s).topk(2)) + tuple(s.tensor([1.0, 5.0, 3.0]).topk(2, largest=False)),
    "topk of too many": lambda s: ints(s).topk(4),
    "median": lambda s: [ties(s).median(), ints(s).median(), holes(s).median(), *ties(s).median(1)[:1]],
    "nonzero": lambda s: [ints(s).nonzero(), *ints(s).nonzero(as_tuple=True), s.tensor(3).nonzero()],
    "unique": lambda s: [*s.unique(ints(s), return_inverse=True, return_counts=True), s.unique(ties(s))],
    "bincount": lambda s: [s.bincount(s.tensor([0, 2, 2])), s.bincount(s.tensor([1]), minlength=4)],
    "bincount of floats": lambda s: s.bincount(s.tensor([0.0, 2.0])),
    "one_hot": lambda s: [s.F.one_hot(s.tensor([[0, 2]])), s.F.one_hot(s.tensor([1]), 4)],
    "one_hot too far": lambda s: s.F.one_hot(s.tensor([4]), 4),
    "masked_select": lambda s: [
        s.masked_select(ints(s), ints(s) > 1), ints(s).masked_select(s.tensor([True, False, True])),
    ],
    "index_select": lambda s: [ties(s).index_select(1, s.tensor([0, 0, 3])), ints(s).index_select(0, s.tensor([1]))],
    "index_select too far": lambda s: ties(s).index_select(1, s.tensor([4])),
    "narrow": lambda s: [ints(s).narrow(1, 1, 2), ties(s).narrow(1, -2, 2)],
    "narrow too far": lambda s: ints(s).narrow(1, 2, 2),
    "select and unbind": lambda s: [ints(s).select(1, -1), *ints(s).unbind(), *ties(s).unbind(1)],
    "repeat": lambda s: [ints(s).repeat(2, 1), s.tensor([1, 2]).repeat(2, 2, 1), ties(s).repeat(1, 2)],
    "repeat of too few": lambda s: ints(s).repeat(2),
    "repeat_interleave": lambda s: [
        s.tensor([1, 2]).repeat_interleave(2), ints(s).repeat_interleave(s.tensor([1, 2]), dim=0),
    ],
    "roll and flip": lambda s: [
        ints(s).roll(1), ints(s).roll(-1, 1), ints(s).roll((1, 1), (0, 1)), ints(s).flip(0), ints(s).flip(0, 1),
    ],
    # indices and masks
    "rows": lambda s: ties(s)[s.tensor([1, 0, 1])],
    "a mask": lambda s: [ties(s)[ties(s) > 0], ints(s)[ints(s) > 1], ties(s)[s.tensor([True, False])]],
    "places": lambda s: ties(s)[s.tensor([0, 1]), s.tensor([3, 2])],
    "one place": lambda s: [ties(s)[s.tensor(1)], ties(s)[:, s.tensor(2)], ints(s)[1, 2]],
    "floats as indices": lambda s: ties(s)[s.tensor([1.0])],
    "a mask too long": lambda s: ties(s)[s.tensor([True, False, True])],
    "an index too far": lambda s: ties(s)[s.tensor([5])],
    "slices": lambda s: [ints(s)[:, 1:], ints(s)[0], ints(s)[..., None], ints(s)[::2]],
    "gather": lambda s: [ties(s).gather(1, s.tensor([[3], [0]])), ints(s).gather(0, s.tensor([[0, 1, 0]]))],
    "gather by floats": lambda s: ties(s).gather(1, s.tensor([[3.0], [0.0]])),
    "scatter": lambda s: [
        s.tensor([[0, 0, 0]]).scatter(1, s.tensor([[2]]), 5),
        s.tensor([[0.0, 0.0]]).scatter(1, s.tensor([[1]]), s.tensor([[2.5]])),
        s.tensor([1, 1]).scatter_add(0, s.tensor([0, 0, 1]), s.tensor([1, 2, 3])),
    ],
    "where": lambda s: [
        s.where(ties(s) > 0, 1, 0), s.where(ties(s) > 0, 1.0, 0), s.where(ints(s) > 1, ints(s), -1),
        s.where(ints(s) > 1, ints(s), 0.5), s.where(ties(s) > 0, ties(s), s.tensor(0)),
    ],
    "where of no truth": lambda s: s.where(ints(s), 1, 0),
    "masked_fill": lambda s: [
        ints(s).masked_fill(ints(s) > 1, -5), ties(s).masked_fill(ties(s) > 0, float("-inf")),
    ],
    "masked_fill of no truth": lambda s: ints(s).masked_fill(ints(s), 1),
    "classes": lambda s: s.F.cross_entropy(s.tensor([[0.0, 0.0], [0.0, 0.0]]), s.tensor([0, -100])),
    "floats as classes": lambda s: s.F.cross_entropy(s.tensor([[0.0, 1.0]]), s.tensor([1.0])),
    "embedding": lambda s: s.F.embedding(s.tensor([[1, 0]]), s.tensor([[0.5, 1.0], [2.0, 3.0]])),
    "embedding by floats": lambda s: s.F.embedding(s.tensor([1.0]), s.tensor([[0.5]])),
    # arithmetic of its own
    "wrap around": lambda s: [
        s.tensor([250], dtype=s.uint8) + 10, s.tensor([100], dtype=s.int8) * 2, -s.tensor([1], dtype=s.uint8),
        s.tensor([-128], dtype=s.int8).abs(), s.tensor([200], dtype=s.uint8).sum(),
    ],
    "powers": lambda s: [s.tensor([2, -3]) ** 3, s.tensor([1, -1, 2]) ** s.tensor([-1, -3, -1]), s.tensor([2]) ** 0.5],
    "a negative power": lambda s: s.tensor([2]) ** -1,
    "division by zero": lambda s: s.tensor([1]) // 0,
    "remainder of zero": lambda s: s.tensor([1]) % s.tensor([0]),
    "float division by zero": lambda s: [s.tensor([1]) / 0, s.tensor([-1.0]) // 0, s.tensor([1.0]) % 0],
    "floors": lambda s: [
        s.tensor([-7, 7]) // 2, s.tensor([-7, 7]) % 3, s.tensor([-7.5, 7.5]) // 2, -7 // s.tensor([2]),
    ],
    "rounding modes": lambda s: [
        s.div(s.tensor([-7, 7]), 2, rounding_mode="trunc"), s.div(s.tensor([-7, 7]), 2, rounding_mode="floor"),
        s.div(s.tensor([-7.0]), 2, rounding_mode="trunc"),
    ],
    "fmod": lambda s: [s.fmod(s.tensor([-7, 7]), 3), s.fmod(s.tensor([-7.5]), 2)],
    "clamp": lambda s: [ints(s).clamp(0, 2), ints(s).clamp(min=0.5), ints(s).clamp_max(1)],
    "alpha": lambda s: [s.add(ints(s), ints(s), alpha=2), s.sub(s.tensor([1.0]), s.tensor([2]), alpha=2)],
    "a fraction as alpha": lambda s: s.add(ints(s), ints(s), alpha=0.5),
    "cumsum": lambda s: [
        ints(s).cumsum(1), (ints(s) > 1).cumsum(0), ints(s).cumprod(0), ints(s).cumsum(0, dtype=s.float32),
    ],
    "sums": lambda s: [
        ints(s).sum(1), (ints(s) > 1).sum(0, keepdim=True), ints(s).sum(dtype=s.float32), ints(s).prod(1),
    ],
    "mean in float32": lambda s: ints(s).mean(dtype=s.float32),
    "matmul": lambda s: [ints(s) @ ints(s).t(), s.tensor([1, 2]) @ s.tensor([3, 4])],
    "matmul of two types": lambda s: ints(s) @ s.tensor([1.0, 2.0, 3.0]),
    "matmul of bools": lambda s: (ints(s) > 1) @ (ints(s) > 1).t(),
    "cat": lambda s: [
        s.cat([s.tensor([1]), s.tensor([2])]), s.cat([s.tensor([1]), s.tensor([0.5])]),
        s.cat([s.tensor([True]), s.tensor([2], dtype=s.int8)]), s.stack([s.tensor(1), s.tensor(2)]),
    ],
    "shapes": lambda s: [
        ints(s).view(3, 2), ints(s).reshape(-1), ints(s).unsqueeze(0), ints(s).T, ints(s).expand(2, 2, 3),
        ints(s).permute(1, 0), *ints(s).split(2, 1), *ints(s).chunk(2), ints(s).tril(), ints(s).flatten().squeeze(),
    ],
    "a variance": lambda s: [ties(s).var(1, unbiased=False), ties(s).var(1, False, True), ties(s).var(0).shape],
    "integers as probabilities": lambda s: s.F.cross_entropy(ties(s), s.tensor([[1, 0, 0, 0], [0, 1, 0, 0]])),
    "integers as chances": lambda s: s.F.binary_cross_entropy_with_logits(s.tensor([0.5]), s.tensor([1])),
    "plus None": lambda s: s.tensor([1]) + None,
    "integers times floats": lambda s: s.tensor([[1.0]]) @ s.tensor([[1]]),
    "data": lambda s: s.tensor([1, 2]).data,
    "softmax": lambda s: s.F.softmax(ints(s), 0),
    "einsum": lambda s: s.einsum("ij,kj->ik", ints(s).float(), ties(s)[:, :3]),
    "outer and dot": lambda s: [
        s.outer(s.tensor([1, 2]), s.tensor([3, 4])), s.dot(s.tensor([1.0, 2.0]), s.tensor([3.0, 4.0])),
    ],
    "dot of two lengths": lambda s: s.dot(s.tensor([1.0, 2.0]), s.tensor([3.0])),
    "diff": lambda s: [ints(s).diff(), ties(s).diff(dim=0), ints(s).diff(n=2)],
    "scripts' masks": lambda s: (s.tensor([[1, 0, 1]]) == 0).unsqueeze(1).float() * -2.0,
    "shifted labels": lambda s: s.where(s.tensor([5, 0, 7]) == 0, s.tensor(-100), s.tensor([5, 0, 7])),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_torch_gives(name: str) -> None:
    assert outcome(PROGRAMS[name], OURS) == outcome(PROGRAMS[name], THEIRS)


# What torch says, and we say, of bad input.
REFUSED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a gradient": ("Only Tensors of floating point", lambda s: s.tensor([1], requires_grad=True)),
    "asked later": ("only Tensors of floating point", lambda s: s.tensor([1]).requires_grad_()),
    "mean": ("could not infer output dtype", lambda s: ints(s).mean()),
    "std": ("std and var only support floating point", lambda s: ints(s).std()),
    "softmax": ("not implemented for 'Long'", lambda s: s.F.softmax(ints(s), 0)),
    "minus bool": ("Subtraction, the `-` operator, with two bool", lambda s: s.tensor([True]) - s.tensor([True])),
    "negative bool": ("Negation, the `-` operator, on a bool tensor", lambda s: -s.tensor([True])),
    "invert": (r"~ \(operator.invert\) is only implemented on integer", lambda s: ~s.tensor([1.0])),
    "zero": ("ZeroDivisionError", lambda s: s.tensor([1]) // 0),
    "two values": ("Boolean value of Tensor with more than one value is ambiguous", lambda s: bool(s.tensor([1, 2]))),
    "no value": ("Boolean value of Tensor with no values is ambiguous", lambda s: bool(s.tensor([]))),
    "one number": ("only one element tensors can be converted to Python scalars", lambda s: int(s.tensor([1, 2]))),
    "an index": ("only integer tensors of a single element can be converted", lambda s: range(s.tensor(1.0))),
    "a format": ("unsupported format string passed to Tensor.__format__", lambda s: f"{s.tensor([1, 2]):.1f}"),
    "in": ("Tensor.__contains__ only supports Tensor or scalar", lambda s: None in s.tensor([1])),
    "a power": ("Integers to negative integer powers", lambda s: s.tensor([2]) ** -1),
    "indices": ("tensors used as indices must be long, int, byte or bool", lambda s: ties(s)[s.tensor([0.0])]),
    "classes": (
        "expected target dtype to be Long or Byte",
        lambda s: s.F.cross_entropy(s.tensor([[0.0, 1.0]]), s.tensor([1.0])),
    ),
    "rows": (
        "indices' to have one of the following scalar types", lambda s: s.F.embedding(s.tensor([1.0]), ties(s)),
    ),
    "gather": (r"gather\(\): Expected dtype int", lambda s: ties(s).gather(1, s.tensor([[0.0]]))),
    "a mask": ("bool", lambda s: ints(s).masked_fill(ints(s), 1)),
    "devices": ("Expected one of cpu, cuda", lambda s: s.tensor([1]).to("gpu")),
    "arguments": ("eq\\(\\)", lambda s: s.eq(s.tensor([1]), None)),
    "alpha": ("argument alpha must not be a floating point", lambda s: s.add(ints(s), ints(s), alpha=0.5)),
    "argmax of bools": (r"argmax\(\): does not support bool input", lambda s: s.tensor([True]).argmax()),
    "numpy": ("Can't call numpy\\(\\) on Tensor that requires grad", lambda s: np.asarray(
        s.tensor([1.0], requires_grad=True))),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_torchs_words(name: str) -> None:
    words, program = REFUSED[name]
    for side in (THEIRS, OURS):
        with pytest.raises((RuntimeError, TypeError, ValueError, IndexError), match=words):
            program(side)


@pytest.mark.parametrize("text", ["[1, 2]", "[[True, False]]", "3", "[[1, -20], [300, 4]]", "[[], []]"])
def test_integers_are_printed_as_torch_prints_them(text: str) -> None:
    values = eval(text)
    dtype = {} if "[]" not in text else {"dtype": "int64"}
    theirs = torch.tensor(values, **({"dtype": torch.int64} if dtype else {}))
    assert repr(sf.tensor(values, **dtype)).replace(" ", "") == repr(theirs).replace("torch.", "").replace(" ", "")
