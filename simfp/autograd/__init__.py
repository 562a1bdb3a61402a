"""Reverse-mode differentiation of Arrays, in torch's arithmetic and under torch's names.

graph        the graph, and the walk back through it
tensor       Tensor
views        tensors that show parts of another one's memory
recording    an operation computed, and entered in the graph
dispatch     `apply`, through which every operation goes, and autocast's casts
shaping      what moves values about, as functions and as methods of Tensor
conversions  `tensor`; other types, devices in name, Python's and NumPy's own values
truth        comparisons and tests, which give Tensors of truth values
picking      which values are largest and where, what integers and masks pick
pointwise    more operations on each value; running sums
products     products of vectors; einsum
functions    the operations as functions and as methods of Tensor
ufuncs       NumPy's ufuncs on Tensors
in_place     those that change a tensor in place, as methods of Tensor and Array
on_arrays    a Tensor's other methods on Arrays
hooks        functions that are called when a gradient comes
checking     gradients against differences
"""

import simfp.autograd.on_arrays
import simfp.autograd.ufuncs  # noqa: F401  (both enter methods)
from simfp.autograd import functions, in_place, picking, pointwise, products, truth
from simfp.autograd.conversions import tensor
from simfp.autograd.dispatch import apply
from simfp.autograd.graph import is_grad_enabled, no_grad, set_grad_enabled
from simfp.autograd.hooks import RemovableHandle
from simfp.autograd.tensor import Tensor, as_tensor

__all__ = [
    "RemovableHandle",
    "Tensor",
    "apply",
    "as_tensor",
    "functions",
    "in_place",
    "is_grad_enabled",
    "no_grad",
    "picking",
    "pointwise",
    "products",
    "set_grad_enabled",
    "tensor",
    "truth",
]
