"""torch.nn.utils' name for what holds gradients within bounds; see `simfp.clipping`."""

from simfp.clipping import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_"]
