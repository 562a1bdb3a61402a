"""Operations in place: what they write, whose memory that is, and what a backward pass makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import nn, observe
from simfp.amp import autocast
from simfp.autograd import no_grad, tensor
from simfp.autograd.methods import InPlaceMethods

A = np.array([1.0, -2.0, 3.0], np.float32)


def leaf(values: Any = A, dtype: Any = None) -> sf.Tensor:
    return sf.Tensor(np.array(values, np.float32), requires_grad=True, dtype=dtype)


IN_PLACE = [name for name in vars(InPlaceMethods) if not name.startswith("__")]
DRAWN = ("uniform_", "normal_", "bernoulli_")
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **{f"{name}_": (sf.array([0.5, 2.0, 1.0]),) for name in (
        "add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "pow", "copy", "remainder", "fmod",
        "floor_divide",
    )},
    "fill_": (2.5,), "clamp_": (-1.0, 1.0), "clip_": (-1.0, 1.0), "clamp_min_": (0.0,), "clamp_max_": (0.0,),
    "masked_fill_": (np.array([True, False, True]), 0.5), "lerp_": (sf.array([0.5, 2.0, 1.0]), 0.25),
    "addcmul_": (sf.array([0.5, 2.0, 1.0]), sf.array([3.0, 1.0, 1.0])),
    "addcdiv_": (sf.array([0.5, 2.0, 1.0]), sf.array([3.0, 1.0, 1.0])),
    "scatter_": (0, np.array([2, 0]), sf.array([7.0, 8.0])),
    "scatter_add_": (0, np.array([2, 2]), sf.array([7.0, 8.0])),
    "index_add_": (0, np.array([2, 2]), sf.array([7.0, 8.0])), "cumsum_": (0,), "cumprod_": (0,),
}  # fmt: skip


@pytest.mark.parametrize("fmt", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", [name for name in IN_PLACE if name not in DRAWN])
def test_a_method_gives_the_tensor_itself_with_what_the_plain_operation_makes(name: str, fmt: str) -> None:
    given = [each.astype(fmt) if isinstance(each, sf.Array) else each for each in ARGUMENTS.get(name, ())]
    values = sf.array([[1.0, -2.0, 3.0]] * 3 if name in ("tril_", "triu_") else A, fmt)
    x, plain = sf.Tensor(values.copy()), sf.Tensor(values.copy())
    memory, view = x.data, x[:]
    assert getattr(x, name)(*given) is x
    assert x.data is memory
    assert x._version == 1
    assert view._version == 1
    np.testing.assert_array_equal(view.data.values, x.data.values)
    function = getattr(plain, name[:-1], None)
    if function is not None:
        np.testing.assert_array_equal(x.data.values, function(*given).data.values)
    array = values.copy()
    assert getattr(array, name)(*given) is array  # gradients and data are Arrays
    np.testing.assert_array_equal(array.values, x.data.values)
    assert array.dtype == values.dtype


def test_operators_change_the_tensor_that_others_hold() -> None:
    x, other = sf.Tensor(A.copy()), sf.Tensor([2.0, 2.0, 2.0])
    kept, view = x, x[1:]
    x += other
    x -= 1
    x *= other
    x /= 2
    x **= 2
    x //= 3
    x %= 2
    assert kept is x
    assert x.tolist() == [1.0, 0.0, 1.0]
    assert view.tolist() == [0.0, 1.0]
    assert x._version == 7


def test_a_loop_by_hand_moves_the_weights() -> None:
    layer = nn.Linear(3, 1)
    before = {name: values.copy() for name, values in layer.state_dict().items()}
    layer(sf.Tensor(A[None])).sum().backward()
    with no_grad():
        for p in layer.parameters():
            p -= 0.5 * p.grad
    np.testing.assert_array_equal(layer.weight.data.values, before["weight"] - np.float32(0.5) * A)
    np.testing.assert_array_equal(layer.bias.data.values, before["bias"] - np.float32(0.5))


def test_a_result_is_rounded_to_the_tensors_format() -> None:
    x = sf.Tensor([1.0, 2048.0], dtype="float16")
    x += sf.Tensor([2.0**-11 + 2.0**-20, 1.0])  # float32: 1 + 2^-11 + 2^-20 is above the midpoint
    assert x.dtype == sf.float16
    assert x.tolist() == [1 + 2.0**-10, 2048.0]


def test_observers_hear_of_it() -> None:
    heard: list[Any] = []
    x = sf.Tensor(A.copy(), dtype="float16")
    with observe.listening(heard.append), observe.following(heard.append):
        x.mul_(1.1)
    assert [each.operation for each in heard if isinstance(each, observe.Rounding)] == ["multiply"]
    told = next(each for each in heard if isinstance(each, observe.Applied))
    assert told.operation.name == "mul"
    assert told.result is x


@pytest.mark.parametrize(
    "edit",
    [
        lambda x: x.add_(1), lambda x: x.__setitem__(0, 1.0), lambda x: x[1:].zero_(), lambda x: x.copy_(sf.Tensor(A)),
        lambda x: x.__iadd__(1), lambda x: x.requires_grad_().uniform_(), lambda x: x.__setitem__(np.array([0]), 1.0),
    ],
)  # fmt: skip
def test_a_leaf_that_requires_a_gradient_is_refused_and_stays(edit: Any) -> None:
    x = leaf()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad is being used in an in-place operation"):
        edit(x)
    assert x.tolist() == A.tolist()
    assert x._version == 0


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda x: x.add_(sf.Tensor(np.ones((2, 3)))), r"output with shape \[3\] doesn't match the broadcast shape"),
        (lambda x: x.copy_(sf.Tensor([1.0, 2.0])), r"The size of tensor a \(3\) must match the size of tensor b \(2\)"),
        (lambda x: x.fill_(sf.Tensor(A)), "fill_ only supports 0-dimension value tensor"),
        (lambda x: x.expand(2, 3).add_(1), "more than one element of the written-to tensor refers to a single memory"),
        (lambda x: x[1:].add_(x[:-1]), "some elements of the input tensor and the written-to tensor refer to a single"),
        (lambda x: x.__setitem__(np.array([0, 1]), sf.Tensor(A)), "shape mismatch: value tensor"),
        (lambda x: x.uniform_(1.0, 0.0), "uniform_ expects to return a"),
        (lambda x: x.bernoulli_(1.5), r"expects p to be in \[0, 1\]"),
        (lambda x: x[1:].detach_(), "Can't detach views in-place"),
        (lambda x: x.index_add_(0, np.array([5]), sf.Tensor([1.0])), "index out of range"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(edit: Any, message: str) -> None:
    x = sf.Tensor(A.copy())
    with pytest.raises(RuntimeError, match=message):
        edit(x)
    assert x.tolist() == A.tolist()
    assert x._version == 0


def test_integers_take_no_fractions() -> None:
    x = tensor([1, 2, 3])
    for edit in (lambda: x.add_(1.5), lambda: x.div_(2), lambda: x.mul_(sf.Tensor(A))):
        with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
            edit()
    assert x.tolist() == [1, 2, 3]
    row = x[1:]
    row += 5
    x[0] = 9
    x //= 2
    assert x.tolist() == [4, 3, 4]
    assert x._version == row._version == 3
    mask = x > 3
    mask &= tensor([True, True, False])
    assert mask.tolist() == [True, False, False]


def test_what_is_written_gets_its_gradient_and_what_is_written_over_none() -> None:
    x, r = leaf(np.ones((2, 3))), leaf()
    y = x * 2
    y[0] = r
    y[1, 1:] *= r[1:]
    (y * np.array([[1, 2, 3], [4, 5, 6]], np.float32)).sum().backward()
    assert x.grad.tolist() == [[0, 0, 0], [8, -20, 36]]
    assert r.grad.tolist() == [1, 2 + 10, 3 + 12]


def test_views_and_their_base_have_one_history() -> None:
    a, b = leaf(), leaf([2.0, 2.0, 2.0])
    y = sf.Tensor(np.zeros((2, 3), np.float32))
    first, second, turned = y[0], y[1], y.t()
    first += a
    second.copy_(b)
    assert y.requires_grad
    assert turned.requires_grad
    (turned * turned).sum().backward()
    assert a.grad.tolist() == [2, -4, 6]
    assert b.grad.tolist() == [4, 4, 4]


@pytest.mark.parametrize("through", [lambda x: x, lambda x: x.detach(), lambda x: x[1:], lambda x: x.reshape(3, 1).t()])
def test_a_value_that_a_backward_pass_needs_must_not_have_changed(through: Any) -> None:
    x = leaf()
    y = x.exp()
    loss = (y * y).sum() + (x * x).sum()
    with no_grad():
        through(x).mul_(2)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*at version 1; expected version 0"):
        loss.backward()


def test_a_value_that_none_needs_may_change() -> None:
    x, w = leaf(), leaf([2.0, 3.0, 4.0])
    y = (x + w).sum() + (x.detach() * w).sum()
    with no_grad():
        w.zero_()  # the product needs x alone
    y.backward()
    assert w.grad.tolist() == [2, -1, 4]


def test_indices_and_masks_are_watched_too() -> None:
    for change in ("index", "mask"):
        x, which = leaf(), tensor([0, 1]) if change == "index" else tensor([True, False, True])
        y = x[which] if change == "index" else x.masked_fill(which, 0.0)
        which[0] = which[1].item()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_data_is_not_watched_and_shares_the_memory() -> None:
    x = leaf()
    y, view = x * x, x.detach()
    x.data += 1
    x.data[0] = 9.0
    assert view.tolist() == [9.0, -1.0, 4.0]
    assert x._version == 0
    y.sum().backward()
    assert x.grad.tolist() == [18.0, -2.0, 8.0]  # as torch, whose graph sees the memory as it is now


def test_the_cast_that_autocast_keeps_is_stale_after_an_edit() -> None:
    x, w = sf.Tensor(np.ones((1, 2), np.float32)), leaf([[1.0, 2.0]])
    with autocast(dtype=sf.float16):
        first = nn.functional.linear(x, w)
        with no_grad():
            w *= 2
        second = nn.functional.linear(x, w)
    assert first.item() == second.item() == 3.0
    (first + second).sum().backward()
    assert w.grad.tolist() == [[2.0, 2.0]]


def test_drawn_numbers_repeat_and_keep_to_their_range() -> None:
    x = sf.Tensor(np.zeros(1000, np.float32))
    nn.manual_seed(3)
    first = x.uniform_(-2, 5).tolist()
    nn.manual_seed(3)
    assert x.uniform_(-2, 5).tolist() == first
    assert -2 <= min(first) < max(first) <= 5
    assert set(x.bernoulli_(0.25).tolist()) == {0.0, 1.0}
    assert abs(float(x.normal_(3.0, 0.5).mean()) - 3) < 0.2


def test_an_activation_in_place_writes_over_its_input() -> None:
    for module in (nn.ReLU(inplace=True), nn.LeakyReLU(0.5, inplace=True), nn.SiLU(inplace=True)):
        x = sf.Tensor(A.copy())
        plain = type(module)()(x) if not isinstance(module, nn.LeakyReLU) else nn.LeakyReLU(0.5)(x)
        assert module(x) is x
        assert x.tolist() == plain.tolist()
    x = sf.Tensor(A.copy())
    assert nn.Dropout(0.5, inplace=True)(x) is x
    assert set(np.abs(x.data.values)) <= {0.0, 2.0, 4.0, 6.0}
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        nn.functional.relu(leaf(), inplace=True)


def test_a_tensor_of_a_tensor_counts_changes_with_it() -> None:
    x = leaf()
    p = nn.Parameter(x)
    with no_grad():
        p.zero_()
    assert x._version == p._version == 1
    assert x.tolist() == [0, 0, 0]
