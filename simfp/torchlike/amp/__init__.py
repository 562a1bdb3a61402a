"""torch.amp: autocast and GradScaler."""

from simfp.amp import GradScaler, autocast, is_autocast_available
from simfp.torchlike.names import hinting

__all__ = ["GradScaler", "autocast", "is_autocast_available"]

__getattr__ = hinting(__name__)
