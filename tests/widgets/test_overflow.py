"""The overflow slider without a browser: its softmax and counts against simfp, and what the widget takes and sends."""

import base64
import io
import json
import math
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

import simfp as sf
from simfp.experiments.numbers import gradients
from simfp.experiments.numbers.overflow import BACKWARDS, LOGITS, MASKED, MASKS, SHIFTS, SIGNIFICANDS, scene, softmax
from simfp.figures.numbers.words import ceiling, origins
from simfp.widgets import Overflow
from simfp.widgets.parts import front_end

FORMATS = (sf.float16, sf.bfloat16, sf.float8_e4m3fn, sf.float8_e5m2)

# setting, a wrong value, and what is said of it
WRONG = [
    ("k", 141, "k must be a whole number from 0 to 140, got 141"),
    ("k", -1, "k must be a whole number from 0 to 140, got -1"),
    ("k", "abc", "k must be a whole number from 0 to 140, got 'abc'"),
    ("k", 2.5, "k must be a whole number from 0 to 140, got 2.5"),
    ("k", True, "k must be a whole number from 0 to 140, got True"),
    ("data", "nope", "unknown data 'nope'; expected one of recorded, lognormal, uniform, two heaps"),
    ("significand", "2", "unknown significand '2'; expected one of 1, 1.5, 1.999, below the tie, the tie"),
    ("subtract_max", "yes", "subtract_max must be True or False, got 'yes'"),
    ("mask", -1e9, "unknown mask -1000000000.0; expected one of -1e9, -inf, -65504"),
    ("show", "both", "unknown show 'both'; expected one of all, value, histogram, softmax"),
]
GOOD = {
    "k": 24, "data": "lognormal", "significand": "the tie", "subtract_max": True, "mask": "-inf", "show": "value",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_set_later_keeps_the_last_good_one_and_says_so(name: str, value: object, said: str) -> None:
    widget = Overflow(**GOOD)
    setattr(widget, name, value)
    assert getattr(widget, name) == GOOD[name]
    assert widget.message == f"{said}; kept {GOOD[name]!r}"
    widget.k = 25
    assert widget.message == ""


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_to_begin_with_is_an_error(name: str, value: object, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        Overflow(**{name: value})


def test_unknown_formats_settings_and_no_format_are_errors() -> None:
    with pytest.raises(ValueError, match="unknown format 'fp17'"):
        Overflow(formats=["fp17"])
    with pytest.raises(ValueError, match="at least one format"):
        Overflow(formats=[])
    with pytest.raises(TypeError, match=r"unknown setting 'shift'; expected one of formats, k, data"):
        Overflow(shift=3)


@pytest.mark.parametrize("name", gradients.NAMES)
def test_the_counts_are_those_of_every_gradient_rounded(name: str) -> None:
    made = scene(name, FORMATS)
    values = made.gradients.values.astype(np.float64)
    for lane in made.lanes:
        for k in (0, 1, 9, 15, 16, 17, 40, 127, 128, 140):
            words = sf.fate(np.ldexp(values, k), lane.fmt)
            counts = [np.sum((words == "exact") | (words == "rounded"))]
            counts += [np.sum(words == word) for word in ("subnormal", "zeroed", "overflowed")]
            assert lane.shares[k].tolist() == counts, (lane.fmt.name, k)


@pytest.mark.parametrize(
    ("significand", "value", "became"),
    [
        ("1.999", 65504.0, 65504.0),
        ("below the tie", 65519.99609375, 65504.0),
        ("the tie", 65520.0, math.inf),
    ],
)
def test_float16_ends_at_the_tie_above_its_largest_number(significand: str, value: float, became: float) -> None:
    float16 = next(row for row in scene("recorded", FORMATS, significand=significand).landings if row.fmt == sf.float16)
    assert (float16.before[15], float16.after[15]) == (value, became)
    assert all(float(np.float32(x)) == x for x in SIGNIFICANDS.values())


def test_the_ceilings_are_told_with_their_ties() -> None:
    told = [ceiling(lane) for lane in scene("recorded", FORMATS).lanes]
    assert told == [
        "largest 65504, too large from 65520",
        "largest 3.38953e38, too large from 3.39618e38",
        "largest 448, too large above 464",
        "largest 57344, too large from 61440",
    ]


def by_hand(logits: list[float], fmt: sf.Format, masked: tuple[bool, ...], mask: float, subtract: bool) -> list[float]:
    """A softmax one number at a time."""
    x = [float(sf.round_to(logit, fmt)) for logit in logits]
    stored = float(sf.round_to(mask, fmt))
    x = [float(sf.add(one, stored, fmt)) if there else one for one, there in zip(x, masked, strict=True)]
    if subtract:
        largest = math.nan if any(map(math.isnan, x)) else max(x)
        x = [float(sf.subtract(one, largest, fmt)) for one in x]
    with np.errstate(over="ignore"):
        x = [float(sf.round_to(np.exp(np.float64(one)), fmt)) for one in x]
    total = x[0]
    for one in x[1:]:
        total = float(sf.add(total, one, fmt))
    return [float(sf.divide(one, total, fmt)) for one in x]


@pytest.mark.parametrize("subtract", [False, True])
@pytest.mark.parametrize("mask", MASKS)
def test_every_softmax_is_the_one_computed_a_number_at_a_time(mask: str, subtract: bool) -> None:
    made = scene("recorded", FORMATS, mask=mask, subtract_max=subtract)
    for fmt, cases in made.softmaxes.items():
        for case, computed in cases.items():
            for k in (*range(20), 64, 126, 127, 140):
                expected = by_hand([math.ldexp(x, k) for x in LOGITS], fmt, MASKED[case], MASKS[mask], subtract)
                np.testing.assert_array_equal(computed.weights[k], expected, err_msg=f"{fmt.name} {case} {k}")


# format, places masked, mask, maximum subtracted, k, and where infinity and NaN come from
BORN = [
    (sf.float16, "no mask", "-1e9", False, 0, "no ∞ or NaN arises"),
    (sf.float16, "no mask", "-1e9", False, 3, "∞ from exp(16); NaN from the division (∞ ÷ ∞)"),
    (sf.float16, "no mask", "-1e9", True, 3, "no ∞ or NaN arises"),
    (
        sf.float16, "no mask", "-1e9", True, 16,
        "∞ from storing a logit (65536); NaN from subtracting the maximum (∞ − ∞)",
    ),
    (sf.float16, "last masked", "-1e9", True, 0, "−∞ from storing the mask (-1e9)"),
    (sf.float16, "all masked", "-65504", True, 0, "no ∞ or NaN arises"),
    (sf.float16, "last masked", "-65504", True, 3, "−∞ from subtracting the maximum (-65504 − 24)"),
    (sf.float16, "all masked", "-inf", True, 0, "NaN from subtracting the maximum (−∞ − (−∞))"),
    (sf.bfloat16, "all masked", "-1e9", False, 0, "NaN from the division (0 ÷ 0)"),
    (sf.bfloat16, "all masked", "-1e9", True, 0, "no ∞ or NaN arises"),
    (sf.float8_e4m3fn, "no mask", "-1e9", False, 3, "NaN from exp(8)"),
    (sf.float8_e4m3fn, "last masked", "-inf", True, 0, "NaN from storing the mask (−∞)"),
    (
        sf.float8_e5m2, "last masked", "-65504", False, 3,
        "−∞ from storing the mask (-65504); ∞ from exp(16); NaN from the division (∞ ÷ ∞)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fmt", "case", "mask", "subtract", "k", "said"), BORN)
def test_the_operation_that_makes_an_infinity_or_nan_is_named(
    fmt: sf.Format, case: str, mask: str, subtract: bool, k: int, said: str
) -> None:
    computed = softmax(np.ldexp(LOGITS, k), fmt, MASKED[case], mask=MASKS[mask], subtract_max=subtract)
    assert origins(computed, 0) == said


def test_a_sum_can_be_too_large_where_no_term_is() -> None:
    computed = softmax([11.0, 11.0], sf.float16)
    assert np.isfinite(computed.exponentials).all()
    assert origins(computed, 0) == "∞ from the sum (59872 + 59872)"
    assert computed.weights.tolist() == [[0.0, 0.0]]


def test_a_fully_masked_row_attends_evenly_or_to_nothing_at_all() -> None:
    rows = scene("recorded", FORMATS, mask="-1e9", subtract_max=True).softmaxes
    assert rows[sf.bfloat16]["all masked"].weights[0].tolist() == [0.25] * 4
    assert np.isnan(rows[sf.float16]["all masked"].weights[0]).all()


TABLES = ("_value", "_gradients", "_softmax")


def everything_sent(widget: Overflow) -> dict[str, Any]:
    return {**widget._value, **widget._gradients, **widget._softmax}


@pytest.mark.parametrize("name", gradients.NAMES)
def test_what_is_sent_is_small_and_holds_counts_instead_of_gradients(name: str) -> None:
    widget = Overflow(data=name)
    sizes = [
        len(json.dumps(getattr(widget, table), ensure_ascii=False, separators=(",", ":")).encode()) for table in TABLES
    ]
    assert max(sizes) < 80_000
    assert len(widget._esm) + len(widget._css) < 40_000
    assert sum(widget._gradients["bars"]["heights"]) == gradients.load(name).values.size


def test_the_tables_are_those_of_the_settings_and_only_what_a_setting_changes_is_sent_again() -> None:
    widget = Overflow()
    for name, value, changed in [
        ("data", "uniform", {"_gradients"}),
        ("significand", "1.5", {"_value"}),
        ("significand", "the tie", {"_value", "_gradients"}),
        ("subtract_max", True, {"_softmax"}),
        ("mask", "-65504", {"_softmax"}),
        ("k", 9, set()),
        ("show", "value", set()),
    ]:
        before = {table: getattr(widget, table) for table in TABLES}
        setattr(widget, name, value)
        assert {table for table in TABLES if getattr(widget, table) != before[table]} == changed, (name, value)
        settings = {each: getattr(widget, each) for each in GOOD}
        assert everything_sent(widget) == everything_sent(Overflow(**settings))


def test_any_format_can_stand_in_a_lane() -> None:
    toy = sf.Format("toy", exponent_bits=3, mantissa_bits=2, subnormals=False)
    widget = Overflow(3, formats=["fp32", "fp4", np.float16, toy])
    for part in ("lanes", "rows", "softmaxes"):
        assert [row["label"] for row in everything_sent(widget)[part]] == ["fp32", "fp4 e2m1", "fp16", "toy"]


@pytest.mark.parametrize("show", ["all", "value", "histogram", "softmax"])
@pytest.mark.parametrize("dark", [False, True])
def test_every_part_has_a_figure_and_words(show: str, dark: bool) -> None:
    widget = Overflow(20, show=show)
    assert widget.figure(dark=dark)._suptitle.get_text() == "k = 20: everything × 2²⁰ ≈ 1.04858e6"
    words = widget.alternative()
    assert ("The value 1048576" in words) == (show in ("all", "value"))
    assert ("100,000 gradients" in words) == (show in ("all", "histogram"))
    assert ("Softmax of [1.05e6" in words) == (show in ("all", "softmax"))


def test_a_reader_without_a_kernel_gets_a_picture_and_its_words() -> None:
    widget = Overflow(20)
    data, metadata = widget._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == metadata["image/png"]["alt"] == widget.alternative()
    picture = base64.b64decode(data["image/png"])
    assert len(picture) < 60_000
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_every_shift_has_its_place_in_what_is_sent() -> None:
    table = everything_sent(Overflow())
    assert [-k for k in BACKWARDS] == list(SHIFTS)
    lengths = {len(table["factors"]), len(table["values"]), len(table["questions"])}
    lengths |= {len(row[name]) for row in table["rows"] for name in ("bits", "after", "error", "became")}
    lengths |= {len(places) for row in table["softmaxes"] for _, lines in row["cases"] for places in lines}
    assert lengths == {len(SHIFTS)}


def test_a_front_end_is_one_module_that_asks_for_nothing() -> None:
    text, look = front_end.module("overflow"), front_end.style("lanes", "overflow")
    assert re.findall(r"^(?:import|export).*", text, re.MULTILINE) == ["export default { render };"]
    assert text.count("function uniqueId(") == text.count("function laneOf(") == 1
    assert set(re.findall(r"\w+://[^\"'`\s]+", text + look)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|@import|url\((?!#)", text + look)
