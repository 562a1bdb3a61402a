"""Tensors of integers and truth values: what they are, what they meet, what they may not be; devices, in name."""

from __future__ import annotations

import copy
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
from simfp import nn
from simfp.autograd import functions, picking, pointwise, products, truth
from simfp.autograd.checking import check_grads
from simfp.integers import ALIASES, INTEGER_TYPES, as_integers
from simfp.nn import functional as F
from simfp.ops import OPERATIONS
from simfp.ops.integers import AS_FLOAT32, ON_INTEGERS, REFUSED

every_type = pytest.mark.parametrize("dtype", INTEGER_TYPES.values(), ids=str)


# --- the types


@every_type
def test_a_type_is_numpys(dtype: sf.IntegerType) -> None:
    assert dtype.storage == np.dtype(dtype.name)
    assert dtype.itemsize == dtype.storage.itemsize
    if dtype.name != "bool":
        limits = np.iinfo(dtype.storage)
        assert (dtype.min, dtype.max) == (limits.min, limits.max)
    assert not dtype.is_floating_point
    assert sf.float16.is_floating_point
    assert getattr(sf, dtype.name) is dtype


@every_type
def test_a_type_has_many_names(dtype: sf.IntegerType) -> None:
    names = [dtype, dtype.name, f"torch.{dtype.name}", dtype.storage, dtype.storage.type]
    names += [alias for alias, name in ALIASES.items() if name == dtype.name]
    assert {sf.as_dtype(name) for name in names} == {dtype}


def test_pythons_types_and_formats_are_names_too() -> None:
    assert [sf.as_dtype(each) for each in (int, bool, "half", np.float16, ml_dtypes.bfloat16, sf.float32)] == [
        sf.int64, sf.bool, sf.float16, sf.float16, sf.bfloat16, sf.float32,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["float64", "double", float, np.float64, "torch.float64"], ids=repr)
def test_float64_is_refused_with_what_to_use(name: Any) -> None:
    with pytest.raises(ValueError, match=r"no float64 .* use float32"):
        sf.as_dtype(name)
    with pytest.raises(ValueError, match="no float64"):
        sf.tensor([1.0], dtype=name)


@pytest.mark.parametrize("name", ["int128", np.uint16, np.complex64, "gpu"], ids=repr)
def test_an_unknown_type_is_refused_by_name(name: Any) -> None:
    with pytest.raises(ValueError, match=r"no dtype of simfp is .* expected one of float32, .* int64"):
        sf.as_dtype(name)


def test_what_cannot_name_a_type_is_refused() -> None:
    with pytest.raises(TypeError, match="no dtype of simfp is 3"):
        sf.as_dtype(3)


def test_floats_beyond_int64_become_its_smallest_number_on_any_processor() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 2.0**63, 2.0**62, -1.9, 1.9], np.float32)
    low = -(2**63)
    assert as_integers(x, sf.int64).tolist() == [low, low, low, low, 2**62, -1, 1]
    assert as_integers(x, sf.bool).tolist() == [True] * 7
    assert as_integers(np.array([300.7, -1.0]), sf.uint8).tolist() == [44, 255]


# --- tensors


@every_type
def test_a_tensor_keeps_the_type_of_a_numpy_array_and_shares_nothing_with_it(dtype: sf.IntegerType) -> None:
    given = np.array([0, 1], dtype.storage)
    x = sf.tensor(given)
    given[0] = 1
    assert x.dtype is dtype
    assert x.tolist() == [0, 1]
    assert x.numpy().dtype == dtype.storage


def test_tensor_infers_as_torch_and_the_class_makes_floats() -> None:
    made = [sf.tensor([1, 2]), sf.tensor([True]), sf.tensor([1, 2.5]), sf.tensor(np.array([0.1])), sf.Tensor([1, 2])]
    assert [x.dtype for x in made] == [sf.int64, sf.bool, sf.float32, sf.float32, sf.float32]
    assert sf.Tensor([1, 2], dtype=sf.int64).dtype is sf.int64


@pytest.mark.parametrize("make", [sf.tensor, lambda x, **options: sf.Tensor(x, dtype="int64", **options)])
def test_integers_have_no_gradient(make: Any) -> None:
    with pytest.raises(RuntimeError, match="Only Tensors of floating point and complex dtype can require gradients"):
        make([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype"):
        make([1, 2]).requires_grad_()
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(make([1]))


def test_what_moves_integers_about_shares_their_memory_as_numpy_does() -> None:
    x = sf.tensor(np.arange(6))
    assert np.shares_memory(x.reshape(2, 3).numpy(), x.numpy())
    assert np.shares_memory(x[2:].numpy(), x.numpy())
    assert not np.shares_memory(x.clone().numpy(), x.numpy())
    assert not np.shares_memory(copy.deepcopy(x).numpy(), x.numpy())


def test_every_row_says_what_it_makes_of_integers() -> None:
    names = set(OPERATIONS)
    assert set(ON_INTEGERS) <= names
    assert names >= AS_FLOAT32
    assert set(REFUSED) <= names
    assert not set(ON_INTEGERS) & AS_FLOAT32
    for name in set(ON_INTEGERS) | AS_FLOAT32:
        assert name not in REFUSED


def test_a_gradient_goes_past_integers() -> None:
    x = sf.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x * sf.tensor([2, 0, 1]) + sf.tensor([True, False, True]) * x).sum().backward()
    assert x.grad.tolist() == [3.0, 0.0, 2.0]


def test_half_precision_stays_beside_integers() -> None:
    x = sf.tensor([0.1, 0.2], dtype=sf.float16)
    for result in (x + sf.tensor([1, 2]), sf.tensor([1, 2]) * x, x / sf.tensor(3), sf.tensor([True, False]) * x):
        assert result.dtype == sf.float16
    assert (sf.tensor([1, 2]) / sf.tensor(2)).dtype == sf.float32


# --- truth


def test_comparisons_are_tensors_that_count() -> None:
    logits, labels = sf.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]]), sf.tensor([1, 0, 0])
    right = logits.argmax(-1) == labels
    assert right.dtype is sf.bool
    assert right.sum().item() == 2
    assert right.float().mean().item() == np.float32(2 / 3)
    assert (labels.numpy() == logits.argmax(-1)).tolist() == [True, True, False]


def test_tensors_are_found_in_lists_by_identity_or_value() -> None:
    x = sf.tensor([1.0, 2.0])
    assert x in [None, x]
    assert None not in [x]
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    assert (x == "x") is False
    assert hash(x) == hash(x)
    assert len({x, x, x.clone()}) == 2
    with pytest.raises(TypeError, match="'<' not supported"):
        x < None  # noqa: B015


def test_arrays_know_that_none_is_none_of_them() -> None:
    a = sf.array([1.0, 2.0])
    assert (a == None) is False  # noqa: E711
    assert a in [None, a]
    assert None not in [a]
    assert 2.0 in a
    assert 3.0 not in a
    assert (a == sf.tensor([1.0, 0.0])).tolist() == [True, False]


def test_values_of_two_formats_are_compared_exactly() -> None:
    third = sf.tensor([1 / 3], dtype=sf.float16)
    assert (third == sf.tensor([1 / 3])).tolist() == [False]
    assert (third == third.float()).tolist() == [True]


# --- Python's and NumPy's own


def test_a_loss_is_printed_rounded_and_tested() -> None:
    loss = sf.tensor([0.25, 0.5], requires_grad=True).mean()
    assert f"{loss:.4f}" == "0.3750"
    assert f"{loss}" == "0.375"
    assert (int(loss), float(loss), round(loss, 2), bool(loss)) == (0, 0.375, 0.38, True)
    assert not math.isnan(loss)
    assert not np.isnan(loss)
    assert np.isnan(loss).dtype is sf.bool
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        np.asarray(loss)
    assert np.asarray(loss.detach()) == np.float32(0.375)
    assert f"{sf.array(0.375):.1f}" == "0.4"
    assert round(sf.array(0.375), 2) == 0.38


def test_integers_count_and_index() -> None:
    n = sf.tensor(3)
    assert list(range(n)) == [0, 1, 2]
    assert "abcd"[n] == "d"
    assert np.arange(5)[n] == 3
    assert np.arange(5)[sf.tensor([0, 4])].tolist() == [0, 4]
    assert sf.array([1.0, 2.0])[sf.tensor([True, False])].tolist() == [1.0]


UFUNCS = [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.exp, np.sqrt, np.equal, np.isfinite, np.cbrt]


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
def test_numpys_ufuncs_of_tensors_are_tensors(ufunc: np.ufunc) -> None:
    x = sf.tensor([1.0, 4.0], dtype=sf.float16)
    result = ufunc(*(x, np.array([2.0, 3.0], np.float16))[: ufunc.nin])
    assert isinstance(result, sf.Tensor)
    assert result.dtype in (sf.float16, sf.bool)
    np.testing.assert_array_equal(
        result.numpy(), ufunc(*(sf.array([1.0, 4.0], "float16"), sf.array([2.0, 3.0], "float16"))[: ufunc.nin])
    )


def test_numpy_on_the_left_leaves_the_gradient_alive() -> None:
    x = sf.tensor([1.0, 2.0], requires_grad=True)
    for left in (np.array([3.0, 4.0], np.float32), sf.array([3.0, 4.0])):
        x.grad = None
        (left * x).sum().backward()
        assert x.grad.tolist() == [3.0, 4.0]
    with pytest.raises(RuntimeError, match=r"requires grad, as np\.cbrt would"):
        np.cbrt(x)
    with pytest.raises(TypeError, match=r"np\.add of Tensors takes no reduce"):
        np.add.reduce(x)


def test_a_copy_in_depth_is_a_leaf_of_its_own() -> None:
    p = nn.Parameter([1.0, 2.0])
    (p * p).sum().backward()
    q = copy.deepcopy(p)
    assert isinstance(q, nn.Parameter)
    assert q.requires_grad
    assert q.grad.tolist() == [2.0, 4.0]
    assert not np.shares_memory(q.data.values, p.data.values)
    assert not np.shares_memory(q.grad.values, p.grad.values)
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(p * 2)


# --- devices


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", 0, sf.Device("cuda"), sf.Device("cpu")], ids=str)
def test_a_tensor_sent_to_a_device_is_the_same_tensor(device: Any) -> None:
    x = sf.tensor([0.5, 1.0], requires_grad=True, device=device)
    assert x.to(device) is x
    assert x.to(device, non_blocking=True) is x
    assert x.cpu() is x.cuda() is x
    assert str(x.device) == "cuda:0"
    assert x.is_cuda
    model = nn.Linear(2, 2)
    weight = model.weight
    assert model.to(device).weight is weight
    assert model.to(device, sf.float16).weight.dtype == sf.float16


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "Expected one of cpu, cuda"),
        ("cuda:x", "Invalid device string: 'cuda:x'"),
        ("cuda:1", "invalid device ordinal: 1; there is one device here"),
        ("mps", "Expected one of cpu, cuda"),
    ],
)
def test_unknown_devices_are_refused(device: str, message: str) -> None:
    for use in (sf.Device, sf.tensor([1.0]).to, lambda name: sf.tensor([1.0], device=name)):
        with pytest.raises(RuntimeError, match=message):
            use(device)


def test_a_device_has_a_type_and_an_index() -> None:
    assert (sf.Device("cuda:0").type, sf.Device("cuda:0").index, sf.Device("cpu").index) == ("cuda", 0, None)
    assert repr(sf.Device("cuda:0")) == "device(type='cuda', index=0)"
    assert sf.Device("cuda", 0) == sf.Device("cuda:0") == sf.tensor(1).device != sf.Device("cpu")
    with pytest.raises(TypeError, match=r"cannot read 1\.5 as a device"):
        sf.Device(1.5)


# --- in networks


def test_integer_tensors_are_targets_indices_and_masks() -> None:
    rng = np.random.default_rng(1)
    x = sf.Tensor(rng.standard_normal((4, 5)).astype(np.float32), requires_grad=True)
    classes = np.array([0, 3, -100, 1])
    losses = [F.cross_entropy(x, target, label_smoothing=0.1) for target in (classes, sf.tensor(classes))]
    assert losses[0].item() == losses[1].item()
    weight = sf.Tensor(rng.standard_normal((5, 3)).astype(np.float32))
    rows = np.array([[0, 4], [2, 2]])
    np.testing.assert_array_equal(F.embedding(sf.tensor(rows), weight).numpy(), F.embedding(rows, weight).numpy())
    mask = rng.random((4, 5)) < 0.5
    for result in (x.masked_fill(sf.tensor(mask), 0.0), functions.where(sf.tensor(~mask), x, 0.0)):
        np.testing.assert_array_equal(result.detach().numpy(), np.where(mask, 0, x.detach().numpy()))
    np.testing.assert_array_equal(x[sf.tensor(mask)].detach().numpy(), x.detach().numpy()[mask])


def test_a_module_keeps_integers_when_it_changes_its_format() -> None:
    model = nn.Linear(2, 2)
    model.register_buffer("places", sf.tensor([3, 1]))
    state = model.half().state_dict()
    assert model.places.dtype is sf.int64
    assert state["places"].tolist() == [3, 1]
    state["places"] = np.array([7, 8])
    model.load_state_dict(state)
    assert model.places.tolist() == [7, 8]
    with pytest.raises(TypeError, match="only accepts floating point"):
        model.to(sf.int64)


# --- in place


def test_integers_change_in_place_and_keep_their_type() -> None:
    x = sf.tensor([1, 2, 3])
    view = x[1:]
    assert x.add_(1) is x
    assert view.tolist() == [3, 4]
    x.copy_(sf.tensor([7.9, 8.0, 9.0]))
    x[x == 8] = -100
    x[:1] = sf.tensor([4])
    x[0] = sf.tensor([5.0])
    assert x.tolist() == [5, -100, 9]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.div_(2), "result type Float can't be cast to the desired output type Long"),
        (lambda x: x.mul_(0.5), "result type Float can't be cast"),
        (lambda x: (x > 1).add_(2), "result type Long can't be cast to the desired output type Bool"),
        (lambda x: x.add_(sf.tensor([[1], [2]])), "doesn't match the broadcast shape"),
        (
            lambda x: x.__setitem__(sf.tensor([0]), sf.tensor([1.0])),
            "Index put requires the source and destination dtypes match",
        ),
        (lambda x: x.__setitem__(slice(None), sf.tensor([1, 2])), "shape mismatch"),
        (lambda x: x.reshape(1, 3).expand(2, 3).add_(1), "single memory location"),
    ],
)
def test_what_integers_cannot_become_is_refused_and_changes_nothing(change: Any, message: str) -> None:
    x = sf.tensor([1, 2, 3])
    with pytest.raises(RuntimeError, match=message):
        change(x)
    assert x.tolist() == [1, 2, 3]


# --- gradients of what picks and repeats


@pytest.mark.parametrize(
    "function",
    [
        lambda x: picking.sort(x, 1, descending=True).values,
        lambda x: picking.topk(x, 2, 0).values,
        lambda x: picking.median(x, 1).values,
        lambda x: functions.max(x, 1).values,
        lambda x: x.masked_select(sf.tensor(np.arange(12).reshape(3, 4) % 3 > 0)),
        lambda x: x.index_select(1, sf.tensor([0, 0, 2])),
        lambda x: x.repeat(2, 1, 2),
        lambda x: x.repeat_interleave(2, 1),
        lambda x: x.roll((1, -1), (0, 1)),
        lambda x: x.flip(1),
        lambda x: x.diff(dim=0),
        lambda x: x.narrow(1, 1, 2),
        lambda x: products.einsum("ij,kj->ik", x, x * 2.0),
        lambda x: products.einsum("bi,bj->bij", x, x),
        lambda x: products.einsum("ij->j", x),
        lambda x: products.outer(x[0], x[1]),
        lambda x: pointwise.clamp_min(x, sf.Tensor(np.full((3, 4), -0.05))),
    ],
)
def test_gradients_come_back_to_what_was_picked(function: Any) -> None:
    values = np.random.default_rng(2).permutation(np.linspace(-2, 2, 12)).reshape(3, 4).astype(np.float32)
    check_grads(function, sf.Tensor(values, requires_grad=True))


def test_whatever_is_true_of_every_value_of_float16() -> None:
    x = sf.tensor(np.arange(1 << 16, dtype=np.uint16).view(np.float16))
    for name in ("isnan", "isinf", "isfinite", "signbit"):
        np.testing.assert_array_equal(getattr(truth, name)(x).numpy(), getattr(np, name)(x.data.values))
