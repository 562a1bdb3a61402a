"""Mixed precision under torch's names: autocast and GradScaler."""

from __future__ import annotations

from simfp.grad_scaler import GradScaler

__all__ = ["GradScaler"]
