"""What the number line shows is what rounding each number says."""

from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.experiments.numbers.number_line import DETERMINISTIC, MOST_MARKS, marks, throw, view, widest
from simfp.formats import NAMED_FORMATS
from simfp.rounding import ROUNDING_MODES
from simfp.widgets import NumberLine

every_format = pytest.mark.parametrize("fmt", NAMED_FORMATS.values(), ids=str)
TYPED = ("0.1", "2049", "-3.7", "2^-24", "0x1.8p-14", "1e-400", "1e300", "-0", "65520")


def owned(fmt: sf.Format) -> np.ndarray:
    """Every finite number of a small format, in order."""
    with np.errstate(invalid="ignore"):
        values = sf.decode(np.arange(1 << fmt.bits), fmt).astype(float)
    return np.unique(values[np.isfinite(values)])


@every_format
@pytest.mark.parametrize("x", TYPED)
def test_each_rounding_goes_where_round_to_goes(x: str, fmt: sf.Format) -> None:
    results = NumberLine(x, fmt=fmt).results()
    assert tuple(results) == DETERMINISTIC
    for mode, result in results.items():
        assert str(result) == str(sf.explain(x, fmt, mode).result)
        if float(sf.explain(x, fmt).x) != 0:  # 1e-400 is too small for a float64
            assert str(result) == str(float(sf.round_to(float(sf.explain(x, fmt).x), fmt, mode)))


def test_the_modes_are_all_those_of_simfp() -> None:
    assert {*DETERMINISTIC, "stochastic"} == set(ROUNDING_MODES)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "float6_e3m2fn", "float4_e2m1fn", "float16"])
@pytest.mark.parametrize("span", [0, 1, 3, 6, 20])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_view_has_all_numbers_between_its_ends_or_as_many_as_can_be_told_apart(
    name: str, span: int, scale: str
) -> None:
    fmt = sf.as_format(name)
    for centre in (0.0, 1.0, -1.5, fmt.max, fmt.smallest_subnormal, -fmt.max):
        stretch = view(centre, fmt, scale=scale, span=span)
        inside = owned(fmt)
        inside = inside[(inside >= stretch.low) & (inside <= stretch.high)]
        assert stretch.count == len(inside)
        assert stretch.count / stretch.stride <= MOST_MARKS
        assert stretch.stride == 1 or stretch.count / stretch.stride > MOST_MARKS / 2
        ranks = np.sign(inside) * sf.encode(np.abs(inside), fmt)
        assert np.array_equal(marks(stretch), inside[ranks % stretch.stride == 0])


@every_format
def test_at_the_widest_span_the_whole_format_is_in_view(fmt: sf.Format) -> None:
    for centre in (0.0, fmt.max, fmt.smallest_subnormal):
        stretch = view(centre, fmt, scale="linear", span=widest(fmt))
        assert (stretch.low, stretch.high) == (-fmt.max, fmt.max)


def test_places_and_values_are_each_others_inverse() -> None:
    for scale in ("linear", "log"):
        stretch = view(1.0, sf.float16, scale=scale, span=8)
        assert [stretch.value(stretch.place(x)) for x in (0.9, 1.0, 1.1)] == pytest.approx([0.9, 1.0, 1.1])
        assert (stretch.place(stretch.low), stretch.place(stretch.high)) == pytest.approx((0, 1))


def test_throws_fall_on_the_neighbours_as_round_to_throws_them() -> None:
    thrown = throw(2048.5, sf.float16, count=1000, seed=3)
    again = sf.round_to(np.full(1000, 2048.5), "fp16", "stochastic", rng=3)
    assert thrown.values.tolist() == [2048, 2050]
    assert thrown.counts.tolist() == [np.sum(again == 2048), np.sum(again == 2050)]
    assert thrown.average == again.mean()
    assert thrown.expected_ulps == pytest.approx(np.sqrt(0.25 * 0.75 / 1000))
    exact = throw(2048.0, sf.float16, count=10, seed=0)
    assert (exact.values.tolist(), exact.off_ulps, exact.expected_ulps) == ([2048.0], 0, 0)


# --- the widget ------------------------------------------------------------------------------------------------


def act(line: NumberLine, **move: Any) -> None:
    line._act(line, move, None)


@every_format
def test_buttons_go_to_the_neighbours_the_ends_and_the_tie(fmt: sf.Format) -> None:
    line = NumberLine(1.0, fmt=fmt)
    act(line, go="up")
    assert line.value == sf.next_up(1.0, fmt)
    act(line, go="down")
    assert line.value == 1.0
    act(line, go="tie")
    assert line.value == (1 + sf.next_up(1.0, fmt)) / 2
    assert line._table["tie"]
    act(line, go="last")
    assert line.value == fmt.max
    act(line, go="up")  # beyond the last number x does not go
    assert line.value == fmt.max
    act(line, go="first")
    assert line.value == -fmt.max


def test_a_dragged_x_stops_at_sixteenths_of_an_ulp_so_that_a_hand_finds_ties() -> None:
    line = NumberLine("2049", fmt="fp16", span=2)
    for place in np.linspace(0, 1, 50):
        act(line, to=float(place))
        assert line.value * 16 / sf.ulp(line.value, "fp16") % 1 == 0
    act(line, to=line._view().place(2051.01))
    assert line.value == 2051
    assert line._table["tie"]


def test_steps_are_sixteenths_of_an_ulp_and_zoom_stays_within_the_format() -> None:
    line = NumberLine("2048", fmt="fp16")
    act(line, steps=8)
    assert line.x == "2049.0"
    act(line, zoom=1000)
    assert line.span == widest(sf.float16)
    act(line, zoom=-1000)
    assert line.span == 0


def test_every_message_of_the_front_end_is_answered_also_one_that_changes_nothing() -> None:
    line = NumberLine(sf.float16.max, fmt="fp16")
    before = line._table
    act(line, go="last")
    assert line._table != before


def test_throwing_again_takes_the_next_seed() -> None:
    line = NumberLine("1.0025", fmt="bf16")
    told = line._table["thrown"]
    act(line, throw=1)
    assert line.seed == 1
    assert line._table["thrown"] != told


@pytest.mark.parametrize("typed", ["inf", "nan", "1,5", "", "two", "9" * 1_000_000, None, [1], True])
def test_what_is_no_finite_number_is_refused_and_the_last_good_one_kept(typed: Any) -> None:
    line = NumberLine("0.5")
    line.x = typed
    assert line.x == "0.5"
    assert "kept '0.5'" in line.message
    assert len(line.message) < 400
    line.x = "0x1.8p-14"
    assert (line.message, line.value) == ("", 1.5 * 2**-14)
    with pytest.raises((ValueError, TypeError)):
        NumberLine(typed)


@pytest.mark.parametrize(
    ("setting", "wrong"),
    [("rounding", "up"), ("scale", "cubic"), ("span", -1), ("span", 1.5), ("throws", 0), ("seed", -1), ("fmt", "fp99")],
)
def test_a_wrong_setting_is_refused(setting: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=str(wrong)):
        NumberLine(**{setting: wrong})
    line = NumberLine()
    good = getattr(line, setting)
    setattr(line, setting, wrong)
    assert getattr(line, setting) == good
    assert str(wrong) in line.message


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="unknown setting 'zoom'"):
        NumberLine(zoom=3)


def test_a_format_of_ones_own_has_its_line_and_no_name_of_another() -> None:
    toy = sf.Format("toy", exponent_bits=3, mantissa_bits=2)
    line = NumberLine("1.1", fmt=toy)
    assert line.format == toy
    assert ["toy", "toy"] in line._table["choices"]["fmt"]
    with pytest.raises(ValueError, match="another format"):
        NumberLine(fmt=sf.Format("float16", exponent_bits=3, mantissa_bits=2))


def test_words_figure_and_picture_say_the_same() -> None:
    line = NumberLine("2049", rounding="toward_positive")
    words = line.alternative()
    assert "toward_positive sends it to 2050" in words
    data, metadata = line._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == words
    for dark in (False, True):
        texts = [text.get_text() for text in line.figure(dark=dark).axes[0].texts]
        assert "toward_positive: 2050" in texts
        assert "to_odd: 2050" in texts
    NumberLine("-3", scale="log", span=40, rounding="stochastic").figure().canvas.draw()


def test_a_move_of_the_hand_is_answered_by_one_message_also_where_nothing_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = NumberLine("2049")
    sent: list[list[str]] = []
    monkeypatch.setattr(line, "send_state", lambda keys: sent.append(sorted(keys)))
    for move in ({"go": "up"}, {"go": "last"}, {"go": "up"}, {"to": 0.5}, {"zoom": 1}, {"throw": 1}, {"what": 0}):
        before = line._table["answers"]
        line._act(line, move, None)
        assert line._table["answers"] == before + 1
    x, nothing = ["_table", "x"], ["_table"]
    assert sent == [x, x, nothing, x, ["_table", "span"], ["_table", "seed"], nothing]
