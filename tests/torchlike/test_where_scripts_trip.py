"""What ordinary scripts do with masks, views, hooks and states, and would go wrong in silence if it were not so."""

import copy
import io
from typing import Any

import numpy as np
import pytest

import simfp.torchlike as torch
import simfp.torchlike.nn.functional as F
from simfp.nn.state_array import StateArray
from simfp.torchlike import nn


@pytest.mark.parametrize("kind", ["tensor", "array"])
def test_a_mask_of_truth_values_hides_keys_whatever_holds_it(kind: str) -> None:
    torch.manual_seed(0)
    q = torch.randn(2, 3, 5, 4)
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    hidden = F.scaled_dot_product_attention(q, q, q, attn_mask=mask if kind == "tensor" else mask.numpy())
    assert hidden.tolist() == F.scaled_dot_product_attention(q, q, q, is_causal=True).tolist()
    added = torch.zeros(5, 5).masked_fill(~mask, float("-inf"))
    assert hidden.tolist() == F.scaled_dot_product_attention(q, q, q, attn_mask=added).tolist()


def test_contiguous_gives_memory_of_its_own_where_the_order_differs() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert x.is_contiguous()
    assert x.contiguous() is x
    turned = x.t()
    assert not turned.is_contiguous()
    own = turned.contiguous()
    own += 1
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert own.tolist() == [[1, 4], [2, 5], [3, 6]]
    spread = torch.ones(3).expand(2, 3).contiguous()
    spread[0] = 0
    assert spread.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_a_copy_in_order_lets_gradients_through() -> None:
    x = torch.arange(6.0, requires_grad=True)
    (x.view(2, 3).t().contiguous().view(-1) * torch.arange(6.0)).sum().backward()
    assert x.grad.tolist() == [0, 2, 4, 1, 3, 5]


HOOKS = {
    "backward": lambda module: module.register_full_backward_hook(lambda module, into, out: None),
    "backward_pre": lambda module: module.register_full_backward_pre_hook(lambda module, out: None),
}


@pytest.mark.parametrize("kind", HOOKS)
@pytest.mark.parametrize(
    "change", [lambda y: y.relu_(), lambda y: y.__setitem__(0, 0.0), lambda y: y.add_(1), lambda y: y[0].mul_(2)]
)
def test_what_a_backward_hook_watches_is_not_changed_in_place(kind: str, change: Any) -> None:
    """The hook would not be called any more: torch refuses it, too."""
    layer = nn.Linear(3, 4)
    handle = HOOKS[kind](layer)
    y = layer(torch.ones(2, 3))
    before = y.tolist()
    with pytest.raises(RuntimeError, match=r"is a view and is being modified inplace.*hooks"):
        change(y)
    assert y.tolist() == before
    with torch.no_grad():
        y.add_(1)  # nothing to be seen there
    handle.remove()
    change(layer(torch.ones(2, 3)))


def test_a_hooked_layer_before_relu_in_place_says_what_to_do() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
    net[0].register_full_backward_hook(lambda module, into, out: None)
    with pytest.raises(RuntimeError, match="inplace=False"):
        net(torch.ones(2, 3))
    net[1] = nn.ReLU()
    net(torch.ones(2, 3)).sum().backward()


def test_indices_of_an_embedding_must_not_change_before_the_gradient() -> None:
    rows = nn.Embedding(4, 2)
    places = torch.tensor([0, 1])
    out = rows(places)
    places += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
    assert rows.weight.grad is None


def test_one_hot_codes_are_a_tensor_of_int64() -> None:
    codes = F.one_hot(torch.tensor([0, 2]), 3)
    assert isinstance(codes, torch.Tensor)
    assert codes.dtype == torch.int64
    assert codes.float().mean(0).tolist() == [0.5, 0, 0.5]


def test_where_of_a_condition_alone_gives_the_places() -> None:
    rows, columns = torch.where(torch.tensor([[1.0, 0.0], [0.0, 2.0]]) > 0)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [0, 1])
    assert rows.dtype == torch.int64
    assert torch.where(torch.tensor([0, 3, 0]))[0].tolist() == [1]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.absolute(), lambda x: x.multiply(2), lambda x: x.clip(1, 2), lambda x: x.diag(),
        lambda x: x.movedim(0, 1), lambda x: x.subtract(1), lambda x: x.divide(2), lambda x: x.negative(),
        lambda x: x.ravel(), lambda x: x.broadcast_to((2, 2, 2)), lambda x: x.trace(), lambda x: x.nansum(),
        lambda x: x.unflatten(1, (1, -1)), lambda x: x.addmm(x, x), lambda x: x.clone().clip_(1, 2),
        lambda x: x.clone().multiply_(2), lambda x: x.reshape_as(x), lambda x: x.true_divide(3),
    ],
)  # fmt: skip
def test_methods_under_another_name_let_gradients_through(call: Any) -> None:
    x = torch.tensor([[1.0, -2.0], [3.0, 4.0]], requires_grad=True)
    call(x).sum().backward()
    assert x.grad is not None


def test_what_makes_up_no_axis_is_refused() -> None:
    for sizes in ((2, 2), (3, -1), (-1, -1)):
        with pytest.raises(RuntimeError, match="unflatten"):
            torch.ones(2, 4, 5).unflatten(2, sizes)
    assert torch.ones(2, 6).unflatten(-1, (2, -1)).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("name", "words"),
    [("stride", "x.data"), ("quantile", "NumPy"), ("diagonal", "write it in operations"), ("cdist", "NumPy")],
)
def test_a_method_that_is_not_there_says_what_to_use(name: str, words: str) -> None:
    assert not hasattr(torch.Tensor, name)
    with pytest.raises(AttributeError, match=rf"no attribute '{name}': .*{words}.*torch_names"):
        getattr(torch.ones(2), name)


# --- states of modules: NumPy arrays that a script treats as tensors


def test_an_average_of_states_is_written_as_for_tensors() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    mean = copy.deepcopy(net.state_dict())
    best = {name: x.detach().cpu().clone() for name, x in net.state_dict().items()}
    with torch.no_grad():
        net[0].weight.add_(1)
    for name, x in net.state_dict().items():
        mean[name].mul_(0.5).add_(x, alpha=0.5) if x.is_floating_point() else mean[name].copy_(x)
    new, old = net[0].weight.tolist(), best["0.weight"].tolist()
    expected = torch.tensor(old).mul(0.5).add(torch.tensor(new), alpha=0.5)
    assert mean["0.weight"].tolist() == expected.tolist()
    net.load_state_dict(best)
    assert net[0].weight.tolist() == old


def test_a_state_of_16_bits_is_changed_with_one_rounding() -> None:
    state = nn.Linear(2, 2).bfloat16().state_dict()["weight"]
    expected = torch.tensor(state).lerp_(torch.ones(2, 2, dtype=torch.bfloat16), 0.3)
    assert state.lerp_(torch.ones(2, 2, dtype=torch.bfloat16), 0.3) is state
    assert state.tolist() == expected.tolist()


def test_states_are_numpys_and_copies() -> None:
    net = nn.Linear(2, 2)
    state = net.state_dict()
    assert all(isinstance(x, np.ndarray) for x in state.values())
    state["weight"].zero_()
    assert net.weight.any()
    assert repr(state["bias"]).startswith("array(")
    with pytest.raises(AttributeError, match="nothing_like_it"):
        state["bias"].nothing_like_it  # noqa: B018
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    assert np.load(file)["weight"].tolist() == state["weight"].tolist()


def test_states_come_back_from_a_file_as_they_were() -> None:
    file = io.BytesIO()
    net = nn.Linear(2, 2)
    torch.save({"state": net.state_dict(), "plain": np.ones(2)}, file)
    file.seek(0)
    found = torch.load(file)
    assert isinstance(found["state"]["weight"], StateArray)
    assert found["state"]["weight"].clone().tolist() == net.weight.tolist()
    assert type(found["plain"]) is np.ndarray


def test_integers_among_the_buffers_stay_integers_in_half() -> None:
    net = nn.Module()
    net.register_buffer("places", torch.arange(3))
    net.register_buffer("mask", torch.tensor([True, False]))
    net.register_buffer("mean", torch.ones(2))
    net.half()
    assert (net.places.dtype, net.mask.dtype, net.mean.dtype) == (torch.int64, torch.bool, torch.float16)
    assert torch.ones(4)[net.places].tolist() == [1, 1, 1]


# --- gradients are Arrays, and are asked what tensors are asked


@pytest.mark.parametrize(
    "call",
    [
        lambda g: g.std(), lambda g: g.var(dim=0, unbiased=False), lambda g: g - g.mean(dim=1, keepdim=True),
        lambda g: g.sum(dim=(0, 1)), lambda g: g.max(dim=1)[0], lambda g: g.max(dim=1).indices,
        lambda g: g.min(dim=0, keepdim=True).values, lambda g: g.abs().view(-1).topk(2)[0], lambda g: g.median(),
        lambda g: g.masked_fill(g.abs() < 1, 0), lambda g: g.where(g > 0, g), lambda g: g.sort(descending=True)[0],
        lambda g: g.softmax(1), lambda g: g.new_zeros(2), lambda g: g.repeat(2, 1), lambda g: g.expand_as(g),
        lambda g: g.tanh(), lambda g: g.unbind(0)[1], lambda g: g.long(), lambda g: g.clamp_min(0),
    ],
)  # fmt: skip
def test_a_gradient_answers_as_a_tensor_does(call: Any) -> None:
    x = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.is_leaf
    found, expected = call(x.grad), call(x.detach() * 2)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype


def test_numpys_own_arguments_of_an_array_stay() -> None:
    g = torch.ones(2, 3, requires_grad=True).data
    assert g.sum(1).tolist() == [3, 3]
    assert g.mean(axis=0, keepdims=True).shape == (1, 3)
    assert g.max(1).tolist() == [1, 1]
