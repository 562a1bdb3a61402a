"""Normalization: over the last axes, over groups of channels, over a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simfp.autograd import Tensor, as_tensor, tensor
from simfp.devices import DeviceLike
from simfp.nn import functional, init
from simfp.nn.linear import empty
from simfp.nn.module import Module
from simfp.typing import FormatLike

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "LayerNorm",
    "RMSNorm",
]  # fmt: skip


class _Scaled(Module):
    """A `weight` that begins as 1 and a `bias` that begins as 0, or neither, or no bias."""

    weight: Any
    bias: Any

    def _add_parameters(self, shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> None:
        self.register_parameter("weight", empty(*shape, dtype=dtype) if weight else None)
        self.register_parameter("bias", empty(*shape, dtype=dtype) if weight and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the parameters to what they begin as."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Scaled):
    """(x - mean) / sqrt(variance + eps) over the last axes, of shape `normalized_shape`; times weight, plus bias.

    Weight and bias must have the input's format, as on CUDA, outside of autocast (torch on a CPU takes float32 ones).
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._add_parameters(self.normalized_shape, elementwise_affine, bias, dtype)

    def forward(self, input: Any) -> Tensor:
        """(..., *normalized_shape) to the same."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """As torch shows it."""
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class RMSNorm(_Scaled):
    """x / sqrt(mean of squares + eps) over the last axes, of shape `normalized_shape`; times weight.

    eps: that of float32, 2^-23, if not given, whatever the format. A weight in float32 beside an input of 16 bits is
    taken, as torch takes it; the result has the input's format.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.register_parameter("weight", empty(*self.normalized_shape, dtype=dtype) if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Any) -> Tensor:
        """(..., *normalized_shape) to the same."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Scaled):
    """(x - mean) / sqrt(variance + eps) over each of `num_groups` groups of channels; times weight, plus bias.

    Weight and bias must have the input's format, as on CUDA, outside of autocast (torch on a CPU takes float32 ones).

    Raises ValueError for channels that `num_groups` does not divide.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._add_parameters((num_channels,), affine, bias, dtype)

    def forward(self, input: Any) -> Tensor:
        """(N, num_channels, ...) to the same."""
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """As torch shows it."""
        affine = f"affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, {affine}"


class _BatchNorm(_Scaled):
    """(x - mean) / sqrt(variance + eps) for each channel; times weight, plus bias.

    In training over the batch, and `running_mean` and `running_var` go towards its statistics by `momentum` (None: so
    that they are the mean over all batches); else, and where there are some, by these.
    """

    dimensions: tuple[int, ...]  # that an input may have

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        tracked = track_running_stats
        self.register_buffer(
            "running_mean", Tensor(np.zeros(num_features, np.float32), dtype=dtype) if tracked else None
        )
        self.register_buffer("running_var", Tensor(np.ones(num_features, np.float32), dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0) if tracked else None)
        self._add_parameters((num_features,), affine, bias, dtype)

    def reset_running_stats(self) -> None:
        """Sets the running statistics to what they begin as."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Sets parameters and running statistics to what they begin as."""
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Any) -> Tensor:
        """(N, num_features, ...) to the same."""
        x = as_tensor(input)
        if x.ndim not in self.dimensions:
            expected = " or ".join(f"{count}D" for count in self.dimensions)
            raise ValueError(f"expected {expected} input (got {x.ndim}D input)")
        tracks = self.training and self.track_running_stats
        share = 0.0 if self.momentum is None else self.momentum
        if tracks and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else share
        mean, var = (self.running_mean, self.running_var) if tracks or not self.training else (None, None)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        return functional.batch_norm(x, mean, var, self.weight, self.bias, by_batch, share, self.eps)

    def extra_repr(self) -> str:
        """As torch shows it."""
        affine = f"affine={self.affine}, bias={self.bias is not None}"
        kept = f"track_running_stats={self.track_running_stats}"
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, {affine}, {kept}"


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, C) or (N, C, L)."""

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of (N, C, H, W)."""

    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalization of (N, C, D, H, W)."""

    dimensions = (5,)


class _InstanceNorm(_BatchNorm):
    """(x - mean) / sqrt(variance + eps) for each channel of each sample; times weight, plus bias if `affine`.

    With `track_running_stats` the running statistics go towards the means over the samples, and are used in `eval`.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Any) -> Tensor:
        """(N, num_features, ...) to the same; without N, too."""
        x = as_tensor(input)
        if x.ndim not in self.dimensions:
            expected = " or ".join(f"{count}D" for count in self.dimensions)
            raise ValueError(f"expected {expected} input (got {x.ndim}D input)")
        alone = x.ndim == self.dimensions[0]
        if x.shape[0 if alone else 1] != self.num_features and (self.affine or self.track_running_stats):
            raise ValueError(f"expected input's size at dim={0 if alone else 1} to match num_features "
                             f"({self.num_features}), but got: {x.shape[0 if alone else 1]}.")  # fmt: skip
        by_sample = self.training or not self.track_running_stats
        share = 0.0 if self.momentum is None else self.momentum
        options = (self.running_mean, self.running_var, self.weight, self.bias, by_sample, share, self.eps)
        made = functional.instance_norm(x.unsqueeze(0) if alone else x, *options)
        return made.squeeze(0) if alone else made


class InstanceNorm1d(_InstanceNorm):
    """Instance normalization of (N, C, L), or (C, L)."""

    dimensions = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalization of (N, C, H, W), or (C, H, W)."""

    dimensions = (3, 4)


def _shape(given: int | Sequence[int]) -> tuple[int, ...]:
    return (given,) if isinstance(given, int) else tuple(given)
