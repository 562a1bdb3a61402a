"""Convolution of sequences and images, plain and transposed."""

from __future__ import annotations

import math
from typing import Any

from simfp.autograd import Tensor
from simfp.devices import DeviceLike
from simfp.nn import functional
from simfp.nn.linear import empty, reset
from simfp.nn.module import Module
from simfp.randomness import Chance, generator
from simfp.typing import FormatLike

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]


class _Conv(Module):
    """What convolutions of any number of axes have.

    Weight and bias begin uniform within 1 / sqrt(fan_in), as torch's do, drawn from `rng` or the shared generator.

    Raises ValueError for channels that `groups` does not divide, NotImplementedError for a padding_mode but "zeros".
    """

    axes: int
    transposed = False

    def _set_up(self, shape: tuple[Any, ...], bias: bool, padding_mode: str, dtype: Any, rng: Any) -> None:
        self.in_channels, self.out_channels, kernel_size, stride, padding, dilation, self.groups = shape
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ValueError(f"{name} must be divisible by groups")
        if padding_mode != "zeros":
            raise NotImplementedError(f'padding_mode="zeros" is the only one computed here, got {padding_mode!r}')
        self.kernel_size, self.stride, self.dilation = (self._each(x) for x in (kernel_size, stride, dilation))
        self.padding = padding if isinstance(padding, str) else self._each(padding)
        self.padding_mode = padding_mode
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        self.weight = empty(first, second // self.groups, *self.kernel_size, dtype=dtype)
        self.register_parameter("bias", empty(self.out_channels, dtype=dtype) if bias else None)
        self.reset_parameters(rng)

    def _each(self, x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, (tuple, list)) else (x,) * self.axes

    def reset_parameters(self, rng: Chance = None) -> None:
        """Draws the parameters anew."""
        reset(self, self.weight.shape[1] * math.prod(self.kernel_size), generator(rng))

    def extra_repr(self) -> str:
        """As torch shows it."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        zeros, ones = (0,) * self.axes, (1,) * self.axes
        usual = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        for name, value in usual.items():
            if getattr(self, name, value) != value:
                text += f", {name}={getattr(self, name)}"
        return text + (", bias=False" if self.bias is None else "")


class Conv1d(_Conv):
    """Windows of (N, C, L) times kernels. weight: (out_channels, in_channels / groups, length).

    padding: a number, "valid" or "same"; zeros are put around (padding_mode="zeros", no other is computed).
    Weight and bias begin uniform within 1 / sqrt(fan_in), as torch's do, drawn from `rng` or the shared generator.

    Raises ValueError for channels that `groups` does not divide.
    """

    axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] = 1,
        padding: int | tuple[int] | str = 0,
        dilation: int | tuple[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        shape = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self._set_up(shape, bias, padding_mode, dtype, rng)

    def forward(self, input: Any) -> Tensor:
        """(N, in_channels, L) to (N, out_channels, L')."""
        return functional.conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """Windows of (N, C, H, W) times kernels. weight: (out_channels, in_channels / groups, height, width).

    padding: one or two numbers, "valid" or "same"; zeros are put around (padding_mode="zeros", no other is computed).
    Weight and bias begin uniform within 1 / sqrt(fan_in), as torch's do, drawn from `rng` or the shared generator.

    Raises ValueError for channels that `groups` does not divide.
    """

    axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        shape = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self._set_up(shape, bias, padding_mode, dtype, rng)

    def forward(self, input: Any) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H', W')."""
        return functional.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose1d(_Conv):
    """The transposed convolution, which undoes the shape of one.

    weight: (in_channels, out_channels / groups, length). Weight and bias begin as those of a convolution.

    output_padding: how much longer the result is than the shortest that fits. `output_size` of a call is not taken.
    """

    axes, transposed = 1, True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] = 1,
        padding: int | tuple[int] = 0,
        output_padding: int | tuple[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int] = 1,
        padding_mode: str = "zeros",
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        self.output_padding = self._each(output_padding)
        shape = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self._set_up(shape, bias, padding_mode, dtype, rng)

    def forward(self, input: Any) -> Tensor:
        """(N, in_channels, L) to (N, out_channels, L')."""
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return functional.conv_transpose1d(input, self.weight, self.bias, *options)


class ConvTranspose2d(_Conv):
    """The transposed convolution, which undoes the shape of one.

    weight: (in_channels, out_channels / groups, height, width). Weight and bias begin as those of a convolution.

    output_padding: how much longer the result is than the shortest that fits. `output_size` of a call is not taken.
    """

    axes, transposed = 2, True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        output_padding: int | tuple[int, int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, int] = 1,
        padding_mode: str = "zeros",
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        self.output_padding = self._each(output_padding)
        shape = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self._set_up(shape, bias, padding_mode, dtype, rng)

    def forward(self, input: Any) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H', W')."""
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return functional.conv_transpose2d(input, self.weight, self.bias, *options)
