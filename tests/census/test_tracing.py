"""The trace: what ran, in which format, by which rule, with which casts; and nothing changes while it looks."""

import numpy as np
import pytest

import simfp as sf
from simfp import nn, observe
from simfp.amp import AUTOCAST_RULES, autocast
from simfp.experiments.mixed_precision.autocast_blocks import BLOCKS, follow
from simfp.experiments.training.models import GPT
from simfp.nn.functional import cross_entropy, mse_loss
from simfp.ops import OPERATIONS
from simfp.tracing import REASONS, Trace, reason


def steps(trace: Trace) -> list[tuple[str, str]]:
    return [(step.operation, step.fmt) for step in trace.forward]


def passes(cache_enabled: bool = True, enabled: bool = True) -> tuple[Trace, nn.Module]:
    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Linear(8, 2, rng=1))
    x, target = np.ones((3, 4), np.float32), np.zeros((3, 2), np.float32)
    with Trace(model) as trace:
        with autocast(cache_enabled=cache_enabled, enabled=enabled):
            loss = mse_loss(model(x), target)
        loss.backward()
    return trace, model


def test_a_perceptron_s_passes_are_told_operation_by_operation() -> None:
    trace, _ = passes()
    assert steps(trace) == [("linear", "float16"), ("relu", "float16"), ("linear", "float16"), ("mse_loss", "float32")]
    assert [step.layer for step in trace.forward] == ["0", "1", "2", ""]
    first, relu, second, loss = trace.forward
    assert [(each.name, each.given, each.used, each.cast) for each in first.operands] == [
        ("x", "float32", "float16", "made"), ("weight", "float32", "float16", "kept"),
        ("bias", "float32", "float16", "kept"),
    ]  # fmt: skip
    assert [(each.step, each.parameter) for each in first.operands] == [
        (None, ""),
        (None, "0.weight"),
        (None, "0.bias"),
    ]
    assert relu.operands[0].step == 0
    assert relu.operands[0].cast == ""
    assert [(first.rule, first.shape), (relu.rule, relu.shape)] == [
        ("lower_precision", (3, 8)), ("follows_inputs", (3, 8)),
    ]  # fmt: skip
    assert (second.operands[0].step, loss.operands[0].step, loss.operands[1].step) == (1, 2, None)
    assert trace.formats() == {"float16": 3, "float32": 1}


def test_the_way_back_has_the_formats_of_the_way_there_and_ends_at_the_parameters() -> None:
    trace, model = passes()
    told = [(step.operation, step.of, step.cast, step.fmt) for step in trace.backward]
    assert told == [
        ("mse_loss", 3, "", "float32"), ("_to_copy", 3, "x", "float32"), ("linear", 2, "", "float16"),
        ("_to_copy", 2, "bias", "float16"), ("_to_copy", 2, "weight", "float16"), ("relu", 1, "", "float16"),
        ("linear", 0, "", "float16"), ("_to_copy", 0, "bias", "float16"), ("_to_copy", 0, "weight", "float16"),
    ]  # fmt: skip
    linear = trace.backward[2]
    assert [(each.name, each.fmt, each.step, each.cast, each.parameter) for each in linear.gradients] == [
        ("x", "float16", 1, "", ""), ("weight", "float16", 2, "weight", ""), ("bias", "float16", 2, "bias", ""),
    ]  # fmt: skip
    ends = {each.parameter: each.fmt for step in trace.backward for each in step.gradients if each.parameter}
    assert ends == {name: "float32" for name, _ in model.named_parameters()}
    assert trace.formats("backward") == {"float32": 1, "float16": 3}


def test_without_the_cache_each_use_casts_anew() -> None:
    assert follow("shared").casts() == {"made": 2, "kept": 2, "found": 4}
    assert follow("shared", cache_enabled=False).casts() == {"made": 8, "kept": 0, "found": 0}
    met = [step.met for step in follow("shared").backward if step.cast == "weight"]
    assert met == [3]
    apart = [step.met for step in follow("shared", cache_enabled=False).backward if step.cast == "weight"]
    assert apart == [1, 1, 1]


def test_switched_off_all_is_float32_and_says_so() -> None:
    trace, _ = passes(enabled=False)
    assert trace.formats() == {"float32": 4}
    assert trace.casts() == {"made": 0, "kept": 0, "found": 0}
    assert all("autocast is off" in step.reason for step in trace.forward)


def test_a_dtype_in_the_call_has_the_last_word() -> None:
    x = sf.Tensor([[1.0, 2.0]], dtype="float16")
    with Trace() as trace, autocast():
        cross_entropy(x, np.array([1]))
        x.sum()
    log_softmax, nll, total = trace.forward
    assert (log_softmax.fmt, nll.fmt, total.fmt) == ("float16", "float32", "float32")
    assert "names a dtype" in log_softmax.reason
    assert total.reason == REASONS["float32_unless_dtype_given"]


@pytest.mark.parametrize("enabled", [True, False])
def test_attention_is_one_operation_forward_and_backward(enabled: bool) -> None:
    rng = np.random.default_rng(0)
    model = GPT(12, rng, width=8, heads=2, blocks=1, context=6)
    with Trace(model) as trace:
        with autocast(enabled=enabled):
            loss = cross_entropy(model(rng.integers(0, 12, (2, 6))).reshape(-1, 12), rng.integers(0, 12, 12))
        loss.backward()
    names = [step.operation for step in trace.forward]
    assert names.count("scaled_dot_product_attention") == 1
    assert not {"_safe_softmax", "softmax", "matmul"} & set(names)
    place = names.index("scaled_dot_product_attention")
    step = trace.forward[place]
    fmt = "float16" if enabled else "float32"
    assert (step.number, step.fmt, step.autocast, step.rule) == (place, fmt, enabled, "lower_precision")
    assert [(each.name, each.used) for each in step.operands] == [("query", fmt), ("key", fmt), ("value", fmt)]
    (back,) = (each for each in trace.backward if each.of == place)
    assert {each.name for each in back.gradients} == {"query", "key", "value"}
    assert {each.step for each in back.gradients} == {each.step for each in step.operands}


def test_infinities_are_found_where_they_first_are() -> None:
    x = sf.Tensor([[300.0, 1.0]])
    with Trace() as trace, autocast(), np.errstate(over="ignore"):
        y = x @ sf.Tensor([[1.0], [0.0]])
        (y * y).exp()
    origin = trace.first_infinite()
    assert origin is not None
    assert (origin.number, origin.operation, origin.infinite, origin.nan, origin.largest) == (1, "mul", 1, 0, 0.0)
    assert trace.forward[0].largest == 300.0
    assert passes()[0].first_infinite() is None


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_looking_changes_no_bit(block: str, dtype: str) -> None:
    row = BLOCKS[block]

    def gradients(look: bool) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        model = row.model(rng)
        x = rng.normal(0, 1, row.shape).astype(np.float32)
        with Trace(model) if look else autocast(enabled=False):
            with autocast(dtype=dtype):
                loss = row.loss(model(x), rng)
            loss.backward()
        return [p.grad.values for p in model.parameters() if p.grad is not None]

    for seen, unseen in zip(gradients(True), gradients(False), strict=True):
        assert np.array_equal(seen, unseen)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_step_fits_the_ones_around_it(block: str) -> None:
    trace = follow(block)
    for step in trace.forward:
        for operand in step.operands:
            if operand.step is not None:
                assert trace.forward[operand.step].fmt == operand.given
            assert bool(operand.cast) == (operand.given != operand.used)
        if step.autocast and step.rule == "lower_precision":
            assert {each.used for each in step.operands} == {step.fmt} == {"float16"}
    for back in trace.backward:
        assert back.of is not None
        if not back.cast:
            assert back.fmt == trace.forward[back.of].fmt  # gradients have the format of what they are of


def test_a_trace_hears_its_own_thread_only_while_it_records_and_once() -> None:
    trace = Trace()
    assert not observe.somebody_follows()
    with trace:
        assert observe.somebody_follows()
        with pytest.raises(RuntimeError, match="records already"), trace:
            pass
    assert not observe.somebody_follows()
    sf.Tensor([1.0]) + 1
    assert len(trace) == 0
    assert str(trace) == "nothing ran"
    with pytest.raises(ValueError, match="unknown phase 'update'; expected one of 'forward', 'backward'"):
        trace.formats("update")
    with pytest.raises(TypeError, match="a follower must be callable"), observe.following(3):  # type: ignore[arg-type]
        pass


def test_every_rule_has_a_reason_and_every_operation_a_sentence() -> None:
    assert set(REASONS) == set(AUTOCAST_RULES)
    assert all(reason(name) for name in OPERATIONS)


def test_text_and_html_have_every_step() -> None:
    trace, _ = passes()
    lines = str(trace).splitlines()
    assert len(lines) == 1 + len(trace)
    assert "x fp32→fp16 (cast), weight fp32→fp16 (cast, kept), bias fp32→fp16 (cast, kept)" in lines[1]
    assert trace._repr_html_().count("<tr>") == len(lines)
    assert "<p>" in Trace()._repr_html_()


def test_a_refused_operation_is_no_step() -> None:
    with Trace() as trace, autocast(), pytest.raises(RuntimeError, match="unsafe to autocast"):
        nn.functional.binary_cross_entropy(sf.Tensor([0.5]), np.ones(1, np.float32))
    assert len(trace) == 0
