"""Reverse-mode differentiation of Arrays, in torch's arithmetic and under torch's names.

graph        the graph, and the walk back through it
tensor       Tensor
views        tensors that show parts of another one's memory
recording    an operation computed, and entered in the graph
dispatch     `apply`, through which every operation goes, and autocast's casts
shaping      what moves values about
conversions  `tensor`; other types, devices in name, Python's and NumPy's own values
drawing      random numbers
truth        comparisons and tests, which give Tensors of truth values
picking      which values are largest and where, what integers and masks pick
pointwise    more operations on each value; running sums
products     products of vectors; einsum
functions    the operations that are used most
combined     others under another name, or a line made of them
ufuncs       NumPy's ufuncs on Tensors
in_place     operations that change a tensor, or an Array, in place
hooks        functions that are called when a gradient comes
methods      which of all these are methods and operators of Tensor
on_arrays    a Tensor's methods on Arrays
checking     gradients against differences
"""

import simfp.autograd.methods
import simfp.autograd.on_arrays  # noqa: F401  (both enter methods)
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
