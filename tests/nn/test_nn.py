"""Modules: what they find, how they change, what they refuse; torch's behaviour is held in tests/reference."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import nn, observe, optim


class Twin(nn.Module):
    """Two layers that share a weight, a buffer, and a part that is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3, rng=0)
        self.second = nn.Linear(3, 3, rng=1)
        self.second.weight = self.first.weight
        self.register_buffer("count", np.zeros((), np.int64))
        self.register_buffer("scratch", sf.array([0.5, 1.5]), persistent=False)
        self.register_module("none", None)
        self.gain = nn.Parameter(2.0)

    def forward(self, x: Any) -> sf.Tensor:
        return self.second(self.first(x)) * self.gain


def test_a_shared_parameter_comes_once_and_stands_twice_in_the_state() -> None:
    twin = Twin()
    names = ["gain", "first.weight", "first.bias", "second.bias"]
    assert [name for name, _ in twin.named_parameters()] == names
    assert [*twin.state_dict()] == ["gain", "count", *names[1:3], "second.weight", names[3]]
    assert [name for name, _ in twin.named_buffers()] == ["count", "scratch"]
    assert [name for name, _ in twin.named_children()] == ["first", "second"]


def test_a_call_is_known_to_who_listens_by_its_module_forward_and_backward() -> None:
    twin, told = Twin(), []
    with observe.listening(lambda rounding: told.append((rounding.operation, rounding.place))):
        twin(np.ones((2, 3), np.float32)).sum().backward()
    layers = [(place.phase, place.layer) for name, place in told if name == "linear"]
    assert layers == [("forward", twin.first), ("forward", twin.second)]
    backward = [place.layer for name, place in told if name == "matmul"]
    assert backward[0] is twin.second
    assert backward[-1] is twin.first
    assert told[0][1] == observe.Place("forward", twin.first)
    assert ("multiply", "forward", twin) in [(name, place.phase, place.layer) for name, place in told]
    assert observe.place().layer is None


def test_an_error_in_a_forward_leaves_no_layer_behind() -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        nn.Linear(3, 2)(np.ones((2, 4), np.float32))
    assert observe.place().layer is None


def test_formats_change_in_place_for_parameters_gradients_and_buffers_of_numbers() -> None:
    twin = Twin()
    parameters = [*twin.parameters()]
    twin(np.ones((2, 3), np.float32)).sum().backward()
    assert twin.to(sf.bfloat16) is twin
    assert all(a is b for a, b in zip(parameters, twin.parameters(), strict=True))
    assert {p.dtype for p in parameters} == {p.grad.dtype for p in parameters if p.grad is not None} == {sf.bfloat16}
    assert twin.scratch.dtype == sf.bfloat16
    assert twin.count.dtype == np.int64
    assert twin.half().gain.dtype == sf.float16
    assert twin.float().gain.dtype == sf.float32
    assert twin.to("cuda").to("cuda:0", dtype="bf16").gain.dtype == sf.bfloat16
    with pytest.raises(ValueError, match="no dtype of simfp is 'fp15'"):
        twin.to("fp15")


def test_training_gradients_and_functions_reach_every_part() -> None:
    twin = Twin()
    assert not any(module.training for module in twin.eval().modules())
    assert all(module.training for module in twin.train().modules())
    assert not any(p.requires_grad for p in twin.requires_grad_(False).parameters())
    seen: list[nn.Module] = []
    twin.requires_grad_().apply(seen.append)
    assert seen == [twin.first, twin.second, twin]
    twin(np.ones((2, 3), np.float32)).sum().backward()
    twin.zero_grad(set_to_none=False)
    assert all(p.grad is not None and not p.grad.values.any() for p in twin.parameters())
    twin.zero_grad()
    assert all(p.grad is None for p in twin.parameters())
    with pytest.raises(ValueError, match="training mode is expected to be boolean"):
        twin.train(1)  # type: ignore[arg-type]


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copied", "pickled"])
def test_a_copy_has_its_own_values_and_shares_within_as_before(clone: Any) -> None:
    twin = Twin()
    other = clone(twin)
    assert other.second.weight is other.first.weight
    assert other.first.weight is not twin.first.weight
    assert isinstance(other.first.weight, nn.Parameter)
    x = np.ones((2, 3), np.float32)
    assert other(x).tolist() == twin(x).tolist()
    nn.init.zeros_(other.first.weight)
    assert other(x).tolist() != twin(x).tolist()


# --- assignment ------------------------------------------------------------------------------------------------------


def test_what_is_assigned_takes_the_place_of_what_had_the_name() -> None:
    module = nn.Module()
    module.x = 3
    module.x = nn.Linear(1, 1)
    assert [*module._modules] == ["x"]
    module.x = nn.Parameter(1.0)
    assert (module._modules, [*module._parameters]) == ({}, ["x"])
    module.x = None
    assert module.x is None
    assert [*module.parameters()] == []
    del module.x
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'x'"):
        module.x  # noqa: B018


def test_a_plain_value_does_not_replace_a_parameter_or_a_part() -> None:
    twin = Twin()
    with pytest.raises(TypeError, match="cannot assign 'float' as parameter 'gain'"):
        twin.gain = 3.0
    with pytest.raises(TypeError, match="cannot assign 'str' as child module 'first'"):
        twin.first = "linear"
    with pytest.raises(TypeError, match="cannot assign 'str' object to buffer 'count'"):
        twin.count = "three"
    with pytest.raises(TypeError, match=r"cannot assign 'simfp\.autograd\.tensor\.Tensor' object to parameter 'p'"):
        twin.register_parameter("p", sf.Tensor(1.0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.b", "t contain"), ("", "t be empty"), ("forward", "attribute 'forward' already exists")],
)
def test_a_name_must_be_free_and_without_a_dot(name: str, message: str) -> None:
    for register in ("register_parameter", "register_buffer", "register_module"):
        with pytest.raises(KeyError, match=message):
            getattr(nn.Module(), register)(name, None)


def test_assigning_before_init_is_an_error() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(1.0)

    with pytest.raises(AttributeError, match=r"cannot assign parameters before Module.__init__\(\) call"):
        Early()


def test_a_module_without_a_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match='Module \\[ModuleList\\] is missing the required "forward" function'):
        nn.ModuleList()(1)


# --- containers ------------------------------------------------------------------------------------------------------


def test_a_sequence_is_indexed_cut_and_extended_like_a_list() -> None:
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    layers = nn.Sequential(a, b)
    layers.append(c)
    assert [*layers] == [a, b, c]
    assert (layers[0], layers[-1], [*layers[1:]]) == (a, c, [b, c])
    del layers[0]
    assert [*layers._modules.items()] == [("0", b), ("1", c)]
    layers.insert(0, a)
    layers[1] = nn.Identity()
    assert [type(layer).__name__ for layer in layers] == ["ReLU", "Identity", "Sigmoid"]
    with pytest.raises(IndexError, match="index 3 is out of range"):
        layers[3]


def test_lists_and_dicts_of_modules_are_found() -> None:
    both = nn.ModuleDict({"a": nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 2)])})
    both["b"] = nn.Linear(2, 2)
    assert [name for name, _ in both.named_parameters()] == [
        "a.0.weight", "a.0.bias", "a.1.weight", "a.1.bias", "b.weight", "b.bias",
    ]  # fmt: skip
    assert both.get_submodule("a.1") is both["a"][1]
    assert ([*both], "a" in both, len(both)) == (["a", "b"], True, 2)
    with pytest.raises(AttributeError, match=r"has no part `a\.2`"):
        both.get_submodule("a.2")
    with pytest.raises(TypeError, match="str is not a Module subclass"):
        nn.ModuleList(["layer"])  # type: ignore[list-item]


def test_names_given_in_a_dict_are_kept() -> None:
    named = nn.Sequential({"in": nn.Linear(1, 1), "out": nn.ReLU()})
    assert [name for name, _ in named.named_children()] == ["in", "out"]
    assert [name for name, _ in named[:1].named_children()] == ["in"]


# --- state -----------------------------------------------------------------------------------------------------------


def test_a_state_that_does_not_fit_leaves_the_module_as_it_was() -> None:
    layer = nn.Linear(3, 2, rng=0)
    before = layer.state_dict()
    for state in ({"weight": np.zeros((2, 3)), "bias": np.zeros(3)}, {"weight": np.zeros((2, 3))}, {"bias": "zero"}):
        with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict for Linear"):
            layer.load_state_dict(state)
    assert all((layer.state_dict()[key] == before[key]).all() for key in before)
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>"):
        layer.load_state_dict([])  # type: ignore[arg-type]


def test_a_state_is_a_copy_and_loading_keeps_the_parameters() -> None:
    layer, other = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=1, dtype="float16")
    optimizer = optim.SGD(other.parameters(), lr=1.0)
    state = layer.state_dict()
    other.load_state_dict(state)
    state["weight"][...] = 0
    assert other.weight.dtype == sf.float16
    assert (other.weight.data.values == sf.round_to(layer.weight.data.values, "float16")).all()
    assert optimizer.param_groups[0]["params"][0] is other.weight


@pytest.mark.parametrize("give", [lambda x: x, lambda x: x.data, lambda x: x.data.to_numpy(), lambda x: x.tolist()])
def test_tensors_arrays_and_numpy_arrays_are_taken_and_lists_are_not(give: Any) -> None:
    layer, given = nn.Linear(2, 1, bias=False), sf.Tensor([[1.0, 2.0]])
    if isinstance(give(given), list):
        with pytest.raises(RuntimeError, match=r"expected torch\.Tensor or Tensor-like object .* <class 'list'>"):
            layer.load_state_dict({"weight": give(given)})
    else:
        layer.load_state_dict({"weight": give(given)})
        assert layer.weight.tolist() == [[1, 2]]


# --- chance ----------------------------------------------------------------------------------------------------------


def test_a_seed_repeats_initial_values_and_dropout() -> None:
    def run() -> tuple[Any, Any]:
        nn.manual_seed(7)
        layer, dropout = nn.Linear(20, 20), nn.Dropout()
        return layer.weight.tolist(), dropout(np.ones(100, np.float32)).tolist()

    assert run() == run()
    assert nn.Linear(3, 3, rng=1).weight.tolist() == nn.Linear(3, 3, rng=1).weight.tolist()
    assert nn.Linear(3, 3).weight.tolist() != nn.Linear(3, 3).weight.tolist()


def test_dropout_of_its_own_seed_goes_on_from_call_to_call_and_stops_in_eval() -> None:
    dropout, ones = nn.Dropout(0.25, rng=3), np.ones(1000, np.float32)
    first, second = dropout(ones), dropout(ones)
    assert first.tolist() != second.tolist()
    assert set(np.unique(first.data.values)) == {0, np.float32(1 / 0.75)}
    assert 0.2 < (first.data.values == 0).mean() < 0.3
    assert dropout.eval()(ones).tolist() == ones.tolist()
    with pytest.raises(ValueError, match=r"between 0 and 1, but got 1\.5"):
        nn.Dropout(1.5)


def test_a_layer_of_no_values_begins_with_a_warning_as_torchs_does() -> None:
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        layer = nn.Linear(0, 3)
    assert layer.bias.tolist() == [0, 0, 0]
    assert layer(np.ones((2, 0), np.float32)).tolist() == [[0, 0, 0]] * 2


# --- what is refused -------------------------------------------------------------------------------------------------


def test_arguments_that_nothing_could_follow_are_refused() -> None:
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        nn.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(NotImplementedError, match="padding_mode"):
        nn.Conv2d(3, 4, 3, padding_mode="reflect")
    with pytest.raises(AssertionError, match="Padding_idx must be within num_embeddings"):
        nn.Embedding(3, 2, padding_idx=3)
    with pytest.raises(AssertionError, match="embed_dim must be divisible by num_heads"):
        nn.MultiheadAttention(5, 2)
    with pytest.raises(NotImplementedError, match="add_bias_kv"):
        nn.MultiheadAttention(4, 2, add_bias_kv=True)
    with pytest.raises(ValueError, match="num_channels"):
        nn.GroupNorm(2, 3)
    with pytest.raises(ValueError, match="expected 4D input"):
        nn.BatchNorm2d(3)(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="reduction="):
        nn.MSELoss(size_average=False)
    with pytest.raises(RuntimeError, match="Need attn_mask"):
        nn.MultiheadAttention(4, 2)(*[np.ones((2, 1, 4), np.float32)] * 3, is_causal=True)
    with pytest.raises(ValueError, match="Mode fan not supported"):
        nn.init.kaiming_normal_(sf.Tensor([[1.0]]), mode="fan")
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        nn.init.xavier_normal_(sf.Tensor([1.0]))
    with pytest.raises(ValueError, match="Unsupported nonlinearity softmax"):
        nn.init.calculate_gain("softmax")
    with pytest.raises(ValueError, match="next to nothing"):
        nn.init.trunc_normal_(sf.Tensor([1.0]), a=50.0, b=51.0)
