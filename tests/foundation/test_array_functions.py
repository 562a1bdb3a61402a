"""NumPy's functions on Arrays: every one that is supported agrees with NumPy, every other refuses by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.array_functions import ACCUMULATED, JOINS, MOVES, REPORTS
from simfp.arrays import FUNCTIONS
from tests.samples import assert_same

Dispatched = type(np.sum)  # NumPy's functions that ask their arguments' __array_function__
FMT = sf.bfloat16
VALUES = np.array([[0.1, -2.5, 3.0], [1000.0, 0.7, 1e-6]])

# Each function with a call of it, made with Arrays and again with arrays of their values.
# fmt: off
CALLS: dict[Callable[..., Any], Callable[[Any], Any]] = {
    np.reshape: lambda a: np.reshape(a, (3, -1)),
    np.ravel: np.ravel,
    np.transpose: np.transpose,
    np.matrix_transpose: np.matrix_transpose,
    np.swapaxes: lambda a: np.swapaxes(a, 0, 1),
    np.moveaxis: lambda a: np.moveaxis(a, 0, -1),
    np.rollaxis: lambda a: np.rollaxis(a, 1),
    np.squeeze: lambda a: np.squeeze(a[:1]),
    np.expand_dims: lambda a: np.expand_dims(a, 1),
    np.atleast_1d: lambda a: np.atleast_1d(a[0], a),
    np.atleast_2d: lambda a: np.atleast_2d(a[0]),
    np.atleast_3d: np.atleast_3d,
    np.broadcast_to: lambda a: np.broadcast_to(a, (4, 2, 3)),
    np.broadcast_arrays: lambda a: np.broadcast_arrays(a, a[0]),
    np.flip: np.flip,
    np.fliplr: np.fliplr,
    np.flipud: np.flipud,
    np.roll: lambda a: np.roll(a, 1, axis=1),
    np.rot90: np.rot90,
    np.repeat: lambda a: np.repeat(a, 2, axis=0),
    np.tile: lambda a: np.tile(a, (2, 2)),
    np.resize: lambda a: np.resize(a, (5, 2)),
    np.split: lambda a: np.split(a, 3, axis=1),
    np.array_split: lambda a: np.array_split(a, 2, axis=1),
    np.hsplit: lambda a: np.hsplit(a, 3),
    np.vsplit: lambda a: np.vsplit(a, 2),
    np.dsplit: lambda a: np.dsplit(a[None], 3),
    np.unstack: np.unstack,
    np.take: lambda a: np.take(a, [2, 0], axis=1),
    np.take_along_axis: lambda a: np.take_along_axis(a, np.array([[2], [0]]), axis=1),
    np.compress: lambda a: np.compress([True, False], a, axis=0),
    np.extract: lambda a: np.extract(a > 0, a),
    np.delete: lambda a: np.delete(a, 1, axis=1),
    np.diag: np.diag,
    np.diagonal: np.diagonal,
    np.diagflat: np.diagflat,
    np.tril: np.tril,
    np.triu: np.triu,
    np.trim_zeros: lambda a: np.trim_zeros(a[0] * 0),
    np.copy: np.copy,
    np.sort: np.sort,
    np.partition: lambda a: np.partition(a, 1),
    np.unique: lambda a: np.unique(a, return_counts=True),
    np.max: lambda a: np.max(a, axis=0),
    np.amax: np.amax,
    np.min: lambda a: np.min(a, axis=1, keepdims=True),
    np.amin: np.amin,
    np.nanmax: np.nanmax,
    np.nanmin: np.nanmin,
    np.concatenate: lambda a: np.concatenate([a, a], axis=1),
    np.stack: lambda a: np.stack([a, a], 2),
    np.vstack: lambda a: np.vstack([a, a]),
    np.hstack: lambda a: np.hstack((a, a)),
    np.dstack: lambda a: np.dstack([a, a]),
    np.column_stack: lambda a: np.column_stack([a, a]),
    np.shape: np.shape,
    np.ndim: np.ndim,
    np.size: np.size,
    np.argmax: lambda a: np.argmax(a, axis=0),
    np.argmin: np.argmin,
    np.nanargmax: np.nanargmax,
    np.nanargmin: np.nanargmin,
    np.argsort: np.argsort,
    np.argpartition: lambda a: np.argpartition(a, 1),
    np.argwhere: lambda a: np.argwhere(a > 1),
    np.nonzero: np.nonzero,
    np.flatnonzero: np.flatnonzero,
    np.count_nonzero: np.count_nonzero,
    np.all: np.all,
    np.any: lambda a: np.any(a, axis=1),
    np.searchsorted: lambda a: np.searchsorted(a[0], a[1, 1:]),
    np.isin: lambda a: np.isin(a, a[0]),
    np.isclose: lambda a: np.isclose(a, 3.01, rtol=0.01),
    np.allclose: lambda a: np.allclose(a, a),
    np.array_equal: lambda a: np.array_equal(a, a),
    np.array_equiv: lambda a: np.array_equiv(a, a[0]),
    np.isposinf: lambda a: np.isposinf(1 / (a * 0)),
    np.isneginf: lambda a: np.isneginf(1 / (a * 0)),
    np.iscomplexobj: np.iscomplexobj,
    np.isrealobj: np.isrealobj,
    np.histogram: lambda a: np.histogram(a, bins=[0, 1, 10]),
    np.digitize: lambda a: np.digitize(a, [0, 1, 2]),
    np.shares_memory: lambda a: np.shares_memory(a, a[0]),
    np.may_share_memory: lambda a: np.may_share_memory(a, a[0]),
    np.sum: lambda a: np.sum(a, axis=0),
    np.nansum: np.nansum,
    np.prod: np.prod,
    np.mean: lambda a: np.mean(a, axis=1, keepdims=True),
    np.cumsum: lambda a: np.cumsum(a, axis=1),
    np.cumprod: np.cumprod,
    np.var: lambda a: np.var(a, ddof=1),
    np.std: lambda a: np.std(a, axis=0),
    np.median: np.median,
    np.ptp: lambda a: np.ptp(a, axis=0),
    np.diff: np.diff,
    np.trace: np.trace,
    np.linalg.norm: lambda a: np.linalg.norm(a, axis=1),
    np.dot: lambda a: np.dot(a, a.T),
    np.vdot: lambda a: np.vdot(a, a),
    np.inner: lambda a: np.inner(a, a),
    np.outer: lambda a: np.outer(a, a),
    np.tensordot: lambda a: np.tensordot(a, a, axes=([1], [1])),
    np.kron: lambda a: np.kron(a, a),
    np.convolve: lambda a: np.convolve(a[0], a[1]),
    np.einsum: lambda a: np.einsum("ij,kj->ik", a, a),
    np.where: lambda a: np.where(a > 0, a, a[0] * 2),
    np.clip: lambda a: np.clip(a, -1, 2),
    np.append: lambda a: np.append(a, a[0]),
    np.full_like: lambda a: np.full_like(a, 0.1),
    np.ones_like: np.ones_like,
    np.zeros_like: np.zeros_like,
    np.pad: lambda a: np.pad(a, 1, constant_values=0.1),
    np.nan_to_num: np.nan_to_num,
    np.around: np.around,
    np.round: lambda a: np.round(a, 0),
}
# fmt: on
ELSEWHERE = {np.array_repr, np.array_str, np.empty_like}  # tested by themselves


def numpys_functions() -> list[Any]:
    values = [value for place in (np, np.linalg, np.fft) for value in vars(place).values()]
    return sorted({value for value in values if isinstance(value, Dispatched)}, key=name_of)


def name_of(function: Any) -> str:
    return f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)


def assert_agrees(actual: Any, expected: Any, fmt: sf.Format) -> None:
    """Arrays hold what NumPy's arrays hold after one rounding; all else is the same."""
    if isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected):
            assert_agrees(one, other, fmt)
    elif isinstance(actual, sf.Array):
        assert actual.dtype == fmt
        assert actual.values.dtype == fmt.carrier
        assert_same(actual.values, sf.round_to(np.asarray(expected), fmt))
    else:
        assert type(actual) is type(expected)
        assert np.array_equal(actual, expected)


def test_every_supported_function_has_a_call_here() -> None:
    assert CALLS.keys() | ELSEWHERE == FUNCTIONS.keys()
    tables = [*MOVES, *JOINS, *REPORTS, *ACCUMULATED]
    assert len(set(tables)) == len(tables), "a function stands in two tables"


@pytest.mark.parametrize(
    "fmt", [FMT, sf.float16, sf.float32, sf.Format("e10m9", exponent_bits=10, mantissa_bits=9)], ids=str
)
@pytest.mark.parametrize("function", CALLS, ids=name_of)
def test_a_supported_function_gives_what_numpy_gives_rounded_once(function: Any, fmt: sf.Format) -> None:
    a = sf.array(VALUES, fmt)
    with np.errstate(all="ignore"):
        expected = CALLS[function](a.values.copy())
    actual = CALLS[function](a)
    assert_agrees(actual, expected, fmt)
    if function not in {*REPORTS, np.argsort, np.argpartition}:
        parts = actual if isinstance(actual, (list, tuple)) else [actual]
        assert isinstance(parts[0], sf.Array)


def test_every_other_function_of_numpy_refuses_by_name() -> None:
    a = sf.array([1.0, 2.0])
    others = [function for function in numpys_functions() if function not in FUNCTIONS]
    assert len(others) > 50
    for function in others:
        with pytest.raises(TypeError) as refusal:
            a.__array_function__(function, (sf.Array,), (a,), {})
        assert str(refusal.value).startswith(f"{name_of(function)} does not work on Arrays; call it on a.values")


def test_a_function_called_as_usual_refuses_by_name() -> None:
    a = sf.array([1.0, 2.0])
    for call, name in ((np.fft.fft, "np.fft.fft"), (np.linalg.det, "np.linalg.det"), (np.gradient, "np.gradient")):
        with pytest.raises(TypeError, match=rf"{name} does not work on Arrays; call it on a\.values, and round what"):
            call(a)


@pytest.mark.parametrize("join", [np.concatenate, np.hstack, np.vstack, np.stack], ids=name_of)
def test_arrays_that_are_joined_meet_in_one_format(join: Any) -> None:
    a, b = sf.array([0.1], sf.float16), sf.array([0.1], sf.bfloat16)
    assert join([a, a]).dtype == sf.float16
    assert join([a, b]).dtype == sf.float32
    assert join([a, np.array([1], np.float16)]).dtype == sf.float16
    assert join([np.array([3000001]), a]).ravel().tolist() == [math.inf, a.item()]
    with pytest.raises(TypeError, match="no common format"):
        join([a, sf.array([1], "e5m2")])
    with pytest.raises(TypeError, match="a float64 array is in no format"):
        join([a, np.array([0.1])])
    with pytest.raises(TypeError, match="cannot compute with a list"):
        join([a, [0.1]])


def test_what_enters_by_a_function_is_rounded_to_the_format() -> None:
    a = sf.array([math.nan, math.inf, -math.inf, 5.0], sf.float16)
    tenth = float(np.float16(0.1))
    assert np.where([True, False, True, False], 0.1, a).tolist() == [tenth, math.inf, tenth, 5.0]
    assert np.where([True, False], sf.array([1, 1], "fp16"), sf.array([0.1, 0.1], "bf16")).dtype == sf.float32
    assert np.where(a > 0, 1, 2).tolist() == [2, 1, 2, 1]
    assert [index.tolist() for index in np.where(a > 0)] == [[1, 3]]
    assert np.clip(a[1:], 0.1, None).tolist() == [math.inf, tenth, 5.0]
    assert np.clip(a[1:], max=0.1).tolist() == [tenth, -math.inf, tenth]
    assert np.nan_to_num(a).tolist() == [0.0, 65504.0, -65504.0, 5.0]
    assert np.nan_to_num(a, nan=0.1, posinf=1, neginf=2).tolist() == [tenth, 1.0, 2.0, 5.0]
    assert np.full_like(a, 0.1, shape=(1,)).tolist() == [tenth]
    assert np.pad(a[3:], (1, 0), constant_values=0.1).tolist() == [tenth, 5.0]
    assert np.append(a[3:], np.array([2049])).tolist() == [5.0, 2048.0]
    assert np.append(a[3:], a[3:], axis=0).tolist() == [5.0, 5.0]


def test_arrays_like_an_array_can_have_another_format_and_shape() -> None:
    a = sf.array([1.0, 2.0], sf.float16)
    for make in (np.zeros_like, np.ones_like, np.empty_like):
        assert make(a, dtype="bf16").dtype == sf.bfloat16
        assert make(a, shape=(2, 2)).shape == (2, 2)
    assert np.empty_like(a).tolist() == [0.0, 0.0]


def test_pads_that_repeat_or_mirror_keep_values_and_those_that_compute_are_refused() -> None:
    a = sf.array([1.0, 2.0, 3.0], sf.float16)
    for mode in ("edge", "wrap", "reflect", "symmetric"):
        assert np.pad(a, 2, mode=mode).tolist() == np.pad(a.values, 2, mode=mode).tolist()
    for options in ({"mode": "mean"}, {"mode": "linear_ramp"}, {"mode": "reflect", "reflect_type": "odd"}):
        with pytest.raises(TypeError, match=r"np\.pad of Arrays computes no values, got mode"):
            np.pad(a, 2, **options)


def test_rounding_to_decimals_rounds_to_the_format() -> None:
    assert np.round(sf.array([1.25, 0.333], sf.float16), 1).tolist() == [float(np.float16(x)) for x in (1.2, 0.3)]


def test_a_view_made_by_a_function_is_a_view() -> None:
    a = sf.array([[1, 2], [3, 4]], sf.float16)
    np.transpose(a)[0, 1] = 9
    assert a.tolist() == [[1, 2], [9, 4]]


def test_einsum_takes_any_number_of_operands() -> None:
    a, b = sf.array([[1, 2], [3, 4]], sf.float16), sf.array([1, 2], sf.bfloat16)
    assert np.einsum("ij,j,i->", a, b, b).dtype == sf.float32
    assert np.einsum("ij,j,i->", a, b, b).item() == 27.0
    assert np.einsum("ii->i", a).tolist() == [1, 4]
    with pytest.raises(TypeError, match="give einsum its arrays by position"):
        FUNCTIONS[np.einsum]("ij->")


@pytest.mark.parametrize("option", ["out", "dtype", "where", "initial"])
def test_options_that_bring_in_other_values_are_refused_by_name(option: str) -> None:
    a = sf.array([1.0, 2.0], sf.float16)
    value = {"out": a, "dtype": np.float32, "where": np.array([True, False]), "initial": 3.0}[option]
    with pytest.raises(TypeError, match=f"sum of Arrays takes no `{option}`; use `astype`, or call it on a.values"):
        np.sum(a, **{option: value})


def test_shapes_that_do_not_fit_are_named() -> None:
    a, b = sf.array(np.zeros((2, 3))), sf.array(np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"\(2,3\).*\(4,5\)"):
        np.dot(a, b)
    with pytest.raises(ValueError, match=r"size 3.*size 5"):
        np.concatenate([a, b])
    with pytest.raises(ValueError, match=r"size 6 into shape \(4,\)"):
        np.reshape(a, (4,))


def test_moving_takes_arrays_of_one_format() -> None:
    with pytest.raises(TypeError, match="broadcast_arrays takes Arrays of one format, got float16, float32"):
        np.broadcast_arrays(sf.array([1], "fp16"), sf.array([1], "fp32"))


@pytest.mark.parametrize("extra", [np.float64, np.dtype(np.float64), np.zeros(2)])
def test_a_dtype_given_by_position_is_refused_and_not_ignored(extra: object) -> None:
    with pytest.raises(TypeError, match="sum of Arrays takes no dtype or out"):
        np.sum(sf.array([[1.0, 2.0]], "fp16"), 1, extra)  # type: ignore[call-overload]
