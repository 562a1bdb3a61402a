"""torch.autograd: the contexts of `torch`, under their other name."""

from simfp.torchlike.grad_modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from simfp.torchlike.names import hinting

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]

__getattr__ = hinting(__name__)
