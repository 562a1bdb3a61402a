"""Reverse-mode differentiation of Arrays, in torch's arithmetic and under torch's names.

graph      the graph, and the walk back through it
tensor     Tensor; `apply`, through which every operation goes, and autocast's casts
shaping    what moves values about, as functions and as methods of Tensor
functions  the operations as functions and as methods of Tensor
hooks      functions that are called when a gradient comes
checking   gradients against differences
"""

from simfp.autograd import functions
from simfp.autograd.graph import is_grad_enabled, no_grad, set_grad_enabled
from simfp.autograd.hooks import RemovableHandle
from simfp.autograd.tensor import Tensor, apply, as_tensor

__all__ = [
    "RemovableHandle",
    "Tensor",
    "apply",
    "as_tensor",
    "functions",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
