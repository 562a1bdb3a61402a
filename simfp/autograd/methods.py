"""Which operations are methods and operators of Tensor, and under which names; those in place are also an Array's.

The classes below are the table: an attribute for each method. When all operations are there, `enter` gives the
attributes to Tensor itself, and to type checkers they are base classes of it. Whatever else is a method stands in the
class Tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from simfp.array_methods import enter
from simfp.autograd import (
    combined,
    conversions,
    drawing,
    functions,
    hooks,
    in_place,
    picking,
    pointwise,
    products,
    shaping,
    truth,
    ufuncs,
)
from simfp.autograd.tensor import Tensor, TensorLike

__all__ = ["InPlaceMethods", "TensorMethods"]

R = TypeVar("R")


def reflected(function: Callable[[Any, Any], R]) -> Callable[[Any, TensorLike], R]:
    """A function as the operator whose left side is the other operand."""
    return lambda x, y: function(y, x)


class InPlaceMethods:
    """Methods that change a tensor, or an Array, and give it back."""

    add_ = in_place.add_
    sub_ = subtract_ = in_place.sub_
    mul_ = multiply_ = in_place.with_another("mul")
    div_ = divide_ = true_divide_ = in_place.with_another("div")
    pow_ = in_place.with_another("pow")
    square_ = in_place.square_
    remainder_ = in_place.with_another("remainder")
    fmod_ = in_place.with_another("fmod")
    floor_divide_ = in_place.floor_divide_
    addcmul_ = in_place.addcmul_
    addcdiv_ = in_place.addcdiv_
    lerp_ = in_place.lerp_
    clamp_ = clip_ = in_place.clamp_
    clamp_min_ = in_place.clamp_min_
    clamp_max_ = in_place.clamp_max_

    neg_ = negative_ = in_place.alone("neg")
    abs_ = absolute_ = in_place.alone("abs")
    reciprocal_ = in_place.alone("reciprocal")
    sqrt_ = in_place.alone("sqrt")
    rsqrt_ = in_place.alone("rsqrt")
    exp_ = in_place.alone("exp")
    exp2_ = in_place.alone("exp2")
    expm1_ = in_place.alone("expm1")
    log_ = in_place.alone("log")
    log2_ = in_place.alone("log2")
    log10_ = in_place.alone("log10")
    log1p_ = in_place.alone("log1p")
    sin_ = in_place.alone("sin")
    cos_ = in_place.alone("cos")
    tanh_ = in_place.alone("tanh")
    erf_ = in_place.alone("erf")
    relu_ = in_place.alone("relu")
    sigmoid_ = in_place.alone("sigmoid")
    floor_ = in_place.alone("floor")
    ceil_ = in_place.alone("ceil")
    trunc_ = in_place.alone("trunc")
    frac_ = in_place.alone("frac")
    round_ = in_place.round_
    cumsum_ = in_place.along_an_axis("cumsum")
    cumprod_ = in_place.along_an_axis("cumprod")

    copy_ = in_place.copy_
    fill_ = in_place.with_another("fill")
    zero_ = in_place.zero_
    masked_fill_ = in_place.masked_fill_
    scatter_ = in_place.scatter_
    scatter_add_ = in_place.scatter_add_
    index_add_ = in_place.index_add_
    tril_ = in_place.tril_
    triu_ = in_place.triu_

    uniform_ = drawing.uniform_
    normal_ = drawing.normal_
    bernoulli_ = drawing.bernoulli_


class TensorMethods(InPlaceMethods):
    """Methods and operators of Tensor."""

    # arithmetic
    __add__ = functions.add
    __radd__ = reflected(functions.add)
    __iadd__ = in_place.add_
    __sub__ = functions.sub
    __rsub__ = reflected(functions.sub)
    __isub__ = in_place.sub_
    __mul__ = functions.mul
    __rmul__ = reflected(functions.mul)
    __imul__ = in_place.with_another("mul")
    __truediv__ = functions.div
    __rtruediv__ = reflected(functions.div)
    __itruediv__ = in_place.with_another("div")
    __floordiv__ = pointwise.floor_divide
    __rfloordiv__ = reflected(pointwise.floor_divide)
    __ifloordiv__ = in_place.floor_divide_
    __mod__ = pointwise.remainder
    __rmod__ = reflected(pointwise.remainder)
    __imod__ = in_place.with_another("remainder")
    __pow__ = functions.pow
    __rpow__ = reflected(functions.pow)
    __ipow__ = in_place.with_another("pow")
    __matmul__ = functions.matmul
    __rmatmul__ = reflected(functions.matmul)
    __neg__ = functions.neg
    __abs__ = functions.abs
    __array_ufunc__ = ufuncs.apply_ufunc

    add = functions.add
    sub = subtract = functions.sub
    mul = multiply = functions.mul
    div = divide = true_divide = functions.div
    floor_divide = pointwise.floor_divide
    remainder = pointwise.remainder
    fmod = pointwise.fmod
    pow = functions.pow
    square = functions.square
    addcmul = pointwise.addcmul
    addcdiv = pointwise.addcdiv
    lerp = pointwise.lerp
    maximum = functions.maximum
    minimum = functions.minimum
    clamp = clip = functions.clamp
    clamp_min = pointwise.clamp_min
    clamp_max = pointwise.clamp_max

    # one value at a time
    neg = negative = functions.neg
    abs = absolute = functions.abs
    sign = sgn = pointwise.sign
    reciprocal = functions.reciprocal
    sqrt = functions.sqrt
    rsqrt = functions.rsqrt
    exp = functions.exp
    exp2 = pointwise.exp2
    expm1 = pointwise.expm1
    log = functions.log
    log2 = pointwise.log2
    log10 = pointwise.log10
    log1p = pointwise.log1p
    sin = pointwise.sin
    cos = pointwise.cos
    tanh = functions.tanh
    erf = pointwise.erf
    relu = functions.relu
    sigmoid = functions.sigmoid
    floor = pointwise.floor
    ceil = pointwise.ceil
    trunc = fix = pointwise.trunc
    frac = pointwise.frac
    round = pointwise.round

    # products
    matmul = functions.matmul
    mm = functions.mm
    bmm = functions.bmm
    mv = products.mv
    dot = products.dot
    outer = ger = products.outer
    addmm = combined.addmm

    # over axes
    sum = functions.sum
    nansum = combined.nansum
    mean = functions.mean
    nanmean = combined.nanmean
    var = functions.var
    std = functions.std
    prod = pointwise.prod
    norm = functions.norm
    max = functions.max
    min = functions.min
    amax = functions.amax
    amin = functions.amin
    argmax = picking.argmax
    argmin = picking.argmin
    median = picking.median
    logsumexp = functions.logsumexp
    softmax = functions.softmax
    log_softmax = functions.log_softmax
    cumsum = pointwise.cumsum
    cumprod = pointwise.cumprod
    diff = pointwise.diff
    trace = combined.trace

    # sorted, picked, put
    sort = picking.sort
    argsort = picking.argsort
    topk = picking.topk
    unique = picking.unique
    bincount = picking.bincount
    nonzero = picking.nonzero
    index_select = picking.index_select
    masked_select = picking.masked_select
    gather = shaping.gather
    narrow = picking.narrow
    select = picking.select
    unbind = picking.unbind
    split = shaping.split
    chunk = shaping.chunk
    scatter = pointwise.scatter
    scatter_add = pointwise.scatter_add
    masked_fill = functions.masked_fill
    tril = shaping.tril
    triu = shaping.triu
    diag = combined.diag
    __getitem__ = shaping.index
    __setitem__ = in_place.put
    __iter__ = shaping.iterate
    where = functions.chosen

    # shape
    reshape = view = shaping.reshape
    reshape_as = view_as = shaping.reshape_as
    flatten = shaping.flatten
    ravel = combined.ravel
    unflatten = combined.unflatten
    transpose = swapaxes = shaping.transpose
    permute = shaping.permute
    movedim = moveaxis = combined.movedim
    t = shaping.t
    squeeze = shaping.squeeze
    unsqueeze = shaping.unsqueeze
    expand = shaping.expand
    expand_as = shaping.expand_as
    broadcast_to = combined.broadcast_to
    repeat = picking.repeat
    tile = picking.tile
    repeat_interleave = picking.repeat_interleave
    flip = picking.flip
    roll = picking.roll

    # comparisons and truth
    __eq__ = truth.operator(truth.eq)  # type: ignore[assignment]
    __ne__ = truth.operator(truth.ne)  # type: ignore[assignment]
    __lt__ = truth.operator(truth.lt)
    __le__ = truth.operator(truth.le)
    __gt__ = truth.operator(truth.gt)
    __ge__ = truth.operator(truth.ge)
    __contains__ = truth.contains
    __invert__ = truth.bitwise_not
    __and__ = truth.operator(truth.bitwise_and)
    __rand__ = truth.operator(reflected(truth.bitwise_and))
    __iand__ = in_place.bitwise("and")
    __or__ = truth.operator(truth.bitwise_or)
    __ror__ = truth.operator(reflected(truth.bitwise_or))
    __ior__ = in_place.bitwise("or")
    __xor__ = truth.operator(truth.bitwise_xor)
    __rxor__ = truth.operator(reflected(truth.bitwise_xor))
    __ixor__ = in_place.bitwise("xor")
    __lshift__ = truth.operator(truth.bitwise_left_shift)
    __rlshift__ = truth.operator(reflected(truth.bitwise_left_shift))
    __rshift__ = truth.operator(truth.bitwise_right_shift)
    __rrshift__ = truth.operator(reflected(truth.bitwise_right_shift))

    eq = truth.eq
    ne = not_equal = truth.ne
    lt = less = truth.lt
    le = less_equal = truth.le
    gt = greater = truth.gt
    ge = greater_equal = truth.ge
    equal = truth.equal
    isclose = truth.isclose
    allclose = truth.allclose
    logical_and = truth.logical_and
    logical_or = truth.logical_or
    logical_xor = truth.logical_xor
    logical_not = truth.logical_not
    bitwise_and = truth.bitwise_and
    bitwise_and_ = in_place.bitwise("and")
    bitwise_or = truth.bitwise_or
    bitwise_or_ = in_place.bitwise("or")
    bitwise_xor = truth.bitwise_xor
    bitwise_xor_ = in_place.bitwise("xor")
    bitwise_not = truth.bitwise_not
    any = truth.any
    all = truth.all
    count_nonzero = truth.count_nonzero
    isnan = truth.isnan
    isinf = truth.isinf
    isposinf = truth.isposinf
    isneginf = truth.isneginf
    isfinite = truth.isfinite
    signbit = truth.signbit

    # chance
    bernoulli = drawing.bernoulli
    multinomial = drawing.multinomial

    # the graph, and memory
    clone = shaping.clone
    contiguous = shaping.contiguous
    is_contiguous = conversions.is_contiguous
    detach_ = in_place.detach_
    register_hook = hooks.register_hook
    register_post_accumulate_grad_hook = hooks.register_post_accumulate_grad_hook
    new_tensor = conversions.new_tensor
    new_zeros = conversions.filled("zeros")
    new_ones = conversions.filled("ones")
    new_full = conversions.filled("full")
    new_empty = conversions.filled("empty")

    # other types, devices, and Python's own values; below them float, int and bool are these methods
    to = conversions.to
    type = conversions.type_
    type_as = conversions.type_as
    cpu = conversions.cpu
    cuda = conversions.cuda
    get_device = conversions.get_device
    pin_memory = conversions.pin_memory
    is_pinned = conversions.is_pinned
    is_floating_point = conversions.is_floating_point
    is_complex = conversions.is_complex
    is_signed = conversions.is_signed
    ndimension = conversions.ndimension
    nelement = conversions.nelement
    element_size = conversions.element_size
    __float__ = conversions.as_float
    __int__ = conversions.as_int
    __index__ = conversions.as_index
    __round__ = conversions.rounded
    __format__ = conversions.formatted
    if not TYPE_CHECKING:  # NumPy's types take what has it for an ndarray, and promise one where a Tensor comes back
        __array__ = conversions.as_numpy_array
    __deepcopy__ = conversions.deep_copy
    double = conversions.double
    float = conversions.to_type("float32")
    half = conversions.to_type("float16")
    bfloat16 = conversions.to_type("bfloat16")
    long = conversions.to_type("long")
    int = conversions.to_type("int")
    short = conversions.to_type("short")
    char = conversions.to_type("char")
    byte = conversions.to_type("byte")
    bool = conversions.to_type("bool")


enter(InPlaceMethods, Tensor)
enter(TensorMethods, Tensor)
