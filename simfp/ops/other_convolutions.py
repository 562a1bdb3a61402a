"""Convolutions of sequences, and transposed ones: conv2d and its derivatives under other names.

conv_transpose2d is the derivative of conv2d by its images, and has conv2d as its own. One dimension is two, the first
of length 1. Not held against a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simfp.arrays import Array, owned
from simfp.ops.convolution import ROWS as CONVOLUTIONS
from simfp.ops.convolution import batched, conv2d, pair
from simfp.ops.operation import Call, Operation, argument
from simfp.ops.reductions import summed

__all__ = ["ROWS"]

INTO_IMAGES: Any = CONVOLUTIONS[0].vjp(0)
INTO_KERNELS: Any = CONVOLUTIONS[0].vjp(1)

Numbers = int | Sequence[int]


def conv_transpose2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Array:
    """What conv2d with these kernels would give back as the gradient of its images; the bias is added after that.

    x: (N, in, H, W) or (in, H, W); weight: (in, out / groups, kernel height, kernel width); bias: (out,).

    Raises RuntimeError for what does not fit.
    """
    options = _options(stride, padding, groups, dilation)
    shape = _shape_of_result(x, weight, options, pair("output_padding", output_padding))
    if bias is not None and bias.dtype != x.dtype:
        raise RuntimeError(f"Input type ({x.dtype}) and bias type ({bias.dtype}) should be the same")
    out: Array = INTO_IMAGES(batched(x), _call(shape, weight, options, x))
    out = out if bias is None else out + bias.reshape(-1, 1, 1)
    return out if x.ndim == 4 else out[0]


def _options(stride: Numbers, padding: Numbers, groups: int, dilation: Numbers) -> dict[str, Any]:
    options: dict[str, Any] = {"stride": pair("stride", stride), "padding": pair("padding", padding)}
    return options | {"dilation": pair("dilation", dilation), "groups": groups}


def _call(shape: tuple[int, ...], weight: Array, options: dict[str, Any], like: Array) -> Call:
    """The conv2d whose derivative it is: of images of that shape."""
    images = owned(np.zeros(shape, like.dtype.carrier), like.dtype)
    return Call((images, weight), options, like)


def _shape_of_result(x: Array, weight: Array, options: dict[str, Any], more: tuple[int, int]) -> tuple[int, ...]:
    if x.dtype != weight.dtype:
        raise RuntimeError(f"Input type ({x.dtype}) and weight type ({weight.dtype}) should be the same")
    if x.ndim not in (3, 4) or weight.ndim != 4:
        raise RuntimeError(
            f"Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d and a 4D weight, but got input of "
            f"size: {list(x.shape)} and weight of size: {list(weight.shape)}"
        )
    groups, channels = options["groups"], x.shape[-3]
    if groups < 1 or weight.shape[0] != channels or channels % groups:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{weight.shape[0]} channels in {groups} groups, but got {channels} channels instead"
        )
    lengths = []
    steps = zip(x.shape[-2:], weight.shape[2:], options["stride"], options["padding"], options["dilation"], more)
    for length, kernel, stride, padding, dilation, extra in steps:
        if stride < 1 or dilation < 1 or padding < 0:
            raise RuntimeError("stride and dilation should be greater than zero, and padding not be negative")
        if not 0 <= extra < max(stride, dilation):
            raise RuntimeError(
                f"output padding must be smaller than either stride or dilation, but got output_padding: {extra}, "
                f"stride: {stride}, dilation: {dilation}"
            )
        lengths.append((length - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + extra)
    if min(lengths) < 1:
        raise RuntimeError(
            f"Given input size per channel: {x.shape[-2:]}. Calculated output size per channel: {tuple(lengths)}. "
            "Output size is too small"
        )
    return (x.shape[0] if x.ndim == 4 else 1, weight.shape[1] * groups, *lengths)


def _given(call: Call) -> dict[str, Any]:
    names = "stride", "padding", "groups", "dilation"
    return _options(*(argument(call, conv_transpose2d, name) for name in names))


def _into_transposed(g: Array, call: Call) -> Array:
    x, weight = call.inputs[:2]
    return conv2d(batched(g), weight, **_given(call)).reshape(x.shape)


def _into_transposed_kernels(g: Array, call: Call) -> Array:
    x, weight = call.inputs[:2]
    grad: Array = INTO_KERNELS(batched(x), Call((batched(g), weight), _given(call), x))
    return grad


def _into_transposed_bias(g: Array, call: Call) -> Array:
    return summed(batched(g), (0, 2, 3))


# --- one dimension

USUAL = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}


def _flat(x: Array) -> Array:
    """A sequence (..., L) as an image (..., 1, L)."""
    return np.expand_dims(x, -2)


def _in_two(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options of one dimension as those of two, of which the first does nothing.

    Raises RuntimeError for more than one number.
    """
    found = dict(options)
    for option, value in options.items():
        if option in USUAL:
            numbers = (value,) if isinstance(value, (int, np.integer)) else tuple(value)
            if len(numbers) != 1:
                raise RuntimeError(f"{name}: {option} should be one number, got {value!r}")
            found[option] = (USUAL[option], int(numbers[0]))
    return found


def _of_sequences(name: str, forward: Any) -> Any:
    def of_sequences(x: Array, weight: Array, bias: Array | None = None, **options: Any) -> Array:
        if x.ndim not in (2, 3) or weight.ndim != 3:
            raise RuntimeError(
                f"Expected 2D (unbatched) or 3D (batched) input to {name} and a 3D weight, but got input of size: "
                f"{list(x.shape)} and weight of size: {list(weight.shape)}"
            )
        return forward(_flat(x), _flat(weight), bias, **_in_two(name, options))[..., 0, :]

    of_sequences.__doc__ = f"`{name}` of (N, C, L) or (C, L): that of two dimensions, the first of length 1."
    return of_sequences


def _through_two(name: str, vjp: Any, position: int) -> Any:
    def through(g: Array, call: Call) -> Array:
        x, weight, *bias = call.inputs
        inside = Call((_flat(x), _flat(weight), *bias), _in_two(name, call.options), call.result)
        return vjp(_flat(g), inside).reshape(call.inputs[position].shape)

    return through


TRANSPOSED = (_into_transposed, _into_transposed_kernels, _into_transposed_bias)
SAVES = ("1", "0", "")  # what derivatives look at

# fmt: off
ROWS = (
    #          name                forward                                               derivatives
    Operation("conv1d",            _of_sequences("conv1d", conv2d),
              tuple(_through_two("conv1d", CONVOLUTIONS[0].vjp(i), i) for i in range(3)),                  SAVES),
    Operation("conv_transpose1d",  _of_sequences("conv_transpose1d", conv_transpose2d),
              tuple(_through_two("conv_transpose1d", vjp, i) for i, vjp in enumerate(TRANSPOSED)),         SAVES),
    Operation("conv_transpose2d",  conv_transpose2d, TRANSPOSED,                                           SAVES),
)
# fmt: on
