"""torch.cuda.amp, the spelling before torch.amp: it works, and warns as torch's does."""

from __future__ import annotations

import warnings
from typing import Any

from simfp import amp as modern
from simfp.torchlike.names import hinting

__all__ = ["GradScaler", "autocast"]

DEPRECATED = "`torch.cuda.amp.{0}(args...)` is deprecated. Please use `torch.amp.{0}('cuda', args...)` instead."


class autocast(modern.autocast):
    """torch.amp.autocast("cuda"), with a FutureWarning. Arguments: enabled, dtype (float16), cache_enabled."""

    def __init__(self, enabled: bool = True, dtype: Any = "float16", cache_enabled: bool = True) -> None:
        warnings.warn(DEPRECATED.format("autocast"), FutureWarning, stacklevel=2)
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(modern.GradScaler):
    """torch.amp.GradScaler("cuda"), with a FutureWarning; its arguments, but for the device."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warnings.warn(DEPRECATED.format("GradScaler"), FutureWarning, stacklevel=2)
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


__getattr__ = hinting(__name__)
