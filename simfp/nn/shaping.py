"""What moves values about: padding, resampling, shuffling of pixels, windows, and axes taken apart."""

from __future__ import annotations

from typing import Any

from simfp.autograd import Tensor, as_tensor
from simfp.nn import functional
from simfp.nn.module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "ConstantPad1d", "ConstantPad2d", "PixelShuffle", "PixelUnshuffle",
    "ReflectionPad1d", "ReflectionPad2d", "ReplicationPad1d", "ReplicationPad2d", "Unflatten", "Unfold", "Upsample",
    "UpsamplingBilinear2d", "UpsamplingNearest2d", "ZeroPad1d", "ZeroPad2d",
]  # fmt: skip


class _Pad(Module):
    """padding: one number, or before and after each axis, the last axis first."""

    axes: int
    mode = "constant"
    value: float | None = None

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.axes) if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Any) -> Tensor:
        """(N, C, ...) to the same with longer axes."""
        return functional.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return str(self.padding)


class _ConstantPad(_Pad):
    def __init__(self, padding: int | tuple[int, ...], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """One value put around sequences."""

    axes = 1


class ConstantPad2d(_ConstantPad):
    """One value put around images."""

    axes = 2


class ZeroPad1d(_Pad):
    """Zeros put around sequences."""

    axes = 1


class ZeroPad2d(_Pad):
    """Zeros put around images."""

    axes = 2


class ReflectionPad1d(_Pad):
    """Sequences mirrored at their ends."""

    axes, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Images mirrored at their edges."""

    axes, mode = 2, "reflect"


class ReplicationPad1d(_Pad):
    """The first and last values of sequences repeated."""

    axes, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The edges of images repeated."""

    axes, mode = 2, "replicate"


class CircularPad1d(_Pad):
    """Sequences that begin again where they end."""

    axes, mode = 1, "circular"


class CircularPad2d(_Pad):
    """Images that begin again where they end."""

    axes, mode = 2, "circular"


class Upsample(Module):
    """Sequences or images in another size, or times a factor; see `functional.interpolate`."""

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        factor = scale_factor
        self.scale_factor = tuple(map(float, factor)) if isinstance(factor, tuple) else factor and float(factor)
        self.mode, self.align_corners, self.recompute_scale_factor = mode, align_corners, recompute_scale_factor

    def forward(self, input: Any) -> Tensor:
        """(N, C, L) or (N, C, H, W) to the same with other lengths."""
        return functional.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """As torch shows it."""
        how = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images in another size, each pixel that of the nearest place."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """Images in another size, between the four nearest pixels; corners stay where they are."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "bilinear", True)


class PixelShuffle(Module):
    """(..., C r r, H, W) to (..., C, H r, W r)."""

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Any) -> Tensor:
        """(..., C r r, H, W) to (..., C, H r, W r)."""
        return functional.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(..., C, H r, W r) to (..., C r r, H, W)."""

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Any) -> Tensor:
        """(..., C, H r, W r) to (..., C r r, H, W)."""
        return functional.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"downscale_factor={self.downscale_factor}"


class Unfold(Module):
    """The windows of images as columns."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Any) -> Tensor:
        """(N, C, H, W) to (N, C times the window's size, number of windows)."""
        return functional.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )  # fmt: skip


class Unflatten(Module):
    """One axis as several; one of the lengths may be -1."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Any) -> Tensor:
        """(..., product, ...) to (..., *unflattened_size, ...)."""
        x = as_tensor(input)
        if not -x.ndim <= self.dim < x.ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}])")
        where = self.dim % x.ndim
        made: Tensor = x.reshape(*x.shape[:where], *self.unflattened_size, *x.shape[where + 1 :])
        if made.ndim and made.shape[:where] != x.shape[:where]:
            raise RuntimeError(f"unflatten: {self.unflattened_size} does not make up {x.shape[where]}")
        return made

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
