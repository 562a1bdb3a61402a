"""torch.utils: of it, `data`."""

from simfp.torchlike.names import hinting
from simfp.torchlike.utils import data

__all__ = ["data"]

__getattr__ = hinting(__name__)
