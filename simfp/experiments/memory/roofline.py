"""The roofline: no operation runs faster than its arithmetic, or than its bytes move (Williams et al., 2009)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Roof"]


@dataclass(frozen=True)
class Roof:
    """The two limits of a machine for one format: floating-point operations a second, and bytes a second.

    Raises ValueError for a limit that is not above 0.

    >>> Roof(peak=800e12, bandwidth=4e12).attainable(10) / 1e12
    40.0
    """

    peak: float
    bandwidth: float

    def __post_init__(self) -> None:
        for name, value in (("peak", self.peak), ("bandwidth", self.bandwidth)):
            if not value > 0:
                raise ValueError(f"`{name}` must be above 0, got {value!r}")

    def attainable(self, intensity: float) -> float:
        """Operations a second that are possible with `intensity` operations for each byte moved."""
        return min(self.peak, self.bandwidth * intensity)

    def seconds(self, flops: float, moved: float) -> float:
        """The least time for so many operations on so many bytes."""
        return max(flops / self.peak, moved / self.bandwidth)
