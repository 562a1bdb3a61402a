"""What the lessons share: bets, progress, checks and what they say, hints, solutions, recordings, the ledger."""

import importlib.metadata
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course
from simfp import lessons_folder as places
from simfp.course import catalogue, ledger, progress
from simfp.course.claims import numbers as claims
from simfp.course.display import Card, Picture, Table, short
from simfp.course.exercises import Exercise
from simfp.course.judges.functions import FunctionJudge, probes, spell
from simfp.course.judges.mistakes import Mistake
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_03 import answers
from simfp.figures.numbers import precision
from simfp.silicon import recordings

LESSONS_FOLDER = Path(__file__).parents[2] / "lessons"


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A progress file of the test's own."""
    file = tmp_path / "mine" / "progress.json"
    monkeypatch.setenv("SIMFP_PROGRESS", str(file))
    return file


@pytest.fixture
def lessons_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lessons, in a folder where they may be harmed; the working folder is there."""
    folder = tmp_path / "lessons"
    shutil.copytree(LESSONS_FOLDER, folder)
    monkeypatch.chdir(folder)
    return folder


# ---- answers ----


def lost_by_comparison(x: float) -> bool:
    return 0 < abs(x) <= 2.0**-25


def lost_by_rounding(x: Any) -> Any:
    return (x != 0) & (sf.round_to(x, "fp16") == 0)


def lost_by_hand(x: float) -> bool:
    if x == 0 or math.isnan(x):
        return False
    return not abs(x) > 2**-25


def bits_by_frexp(x: float) -> int:
    half = sf.round_to(abs(x), "fp16")
    return min(11, math.frexp(half)[1] + 24) if 0 < half < math.inf else 0


def bits_by_ulp(x: Any) -> Any:
    half = np.abs(sf.round_to(x, "fp16"))
    number = (half > 0) & np.isfinite(half)
    return np.where(number, np.floor(np.log2(np.where(number, half / sf.ulp(half, "fp16"), 1.0))) + 1, 0)


def bits_with(
    *, most: int = 11, places: int = 25, first: Callable[[float], float] = lambda x: float(sf.round_to(abs(x), "fp16")),
    zero: bool = True, infinite: bool = True, nan: bool = True,
) -> Callable[[float], Any]:  # fmt: skip
    """bits_left as people write it, with one thing changed or forgotten."""

    def bits_left(x: float) -> Any:
        half = first(x)
        if (zero and half == 0) or (infinite and math.isinf(half)) or (nan and math.isnan(half)):
            return 0
        if math.isnan(half):
            return 11
        return max(0, min(most, math.floor(math.log2(half)) + places))

    return bits_left


# fmt: off
RIGHT: dict[str, list[Any]] = {
    "00.a": [1024, 1024.0, np.int64(1024), np.array(1024)],
    "00.b": [10],
    "03.a": [lost_by_comparison, lost_by_rounding, lost_by_hand, np.vectorize(lost_by_comparison)],
    "03.b": [bits_by_frexp, bits_by_ulp, bits_with()],
    "03.c": [2.0**16, 2**17, np.float32(2.0**18), 2.0**19],
}

# What people answer, and what the answer to that must say. Each message is one that no other wrong answer gets.
WRONG: dict[str, list[tuple[Any, str]]] = {
    "00.a": [
        (1025, "2 itself is not to be counted"), (1023, "One too few: 1 itself counts"), (1022, "Two too few"),
        (2048, "Twice as many"), (10, "how many bits the mantissa has"), (11, "the precision in bits"),
        (8388608, "So many has float32"), (128, "So many has bfloat16"), (8, "So many has float8_e4m3fn"),
        (4, "So many has float8_e5m2"), (2, "So many has float4_e2m1fn"), (65536, "only 65,536 codes in all"),
        (30720, "between -1 and 1: the bet's question"), (1, "fp16 has fractions"), (500, "Not 500"),
    ],
    "00.b": [
        (-10, "That is 1024, on the other side"), (1024, "what 1 is divided by"), (2.0**-10, "the number itself"),
        (9, "it is 1/512"), (11, "it is 1/2048"), (20, "halved 20 times"), (5, "Not far enough"), (-3, "to the "
        "right of 1"),
        ("10", "got '10', a str"), (None, "not yet"),
    ],
    "03.a": [
        (lambda x: abs(x) < 6e-5, "the normal numbers end"),
        (lambda x: x != 0 and abs(x) < 2**-14, "the normal numbers end"),
        (lambda x: sf.fate(x, "fp16") == "subnormal" or lost_by_hand(x), "the normal numbers end"),
        (lambda x: 0 < abs(x) < 2**-25, "a tie goes to the neighbour whose last bit is even"),
        (lambda x: x != 0 and x <= 2**-25, "You call -1.0 lost"),
        (lambda x: 0 < x <= 2**-25, "as it does of its positive twin"),
        (lambda x: abs(x) <= 2**-25, "zero was zero before"),
        (lambda x: sf.round_to(x, "fp16") == 0, "zero was zero before"),
        (lambda x: 0 < abs(x) < 2**-24, "fp16 rounds to the nearest"),
        (lambda x: 0 < abs(x) <= 2**-24, "it is the smallest number that fp16 has"),
        (lambda x: 0 < abs(x) < 1e-8, "Your limit is too low"),
        (lambda x: False, "Your limit is too low"),
        (lambda x: abs(x) > 2**-25, "point the right way"),
        (lambda x: x != 0 and not abs(x) > 2**-25, "You call NaN lost"),
        (lambda x: sf.round_to(x, "fp16"), "it should return True or False; it returned np.float64"),
        (lambda x: "yes", "it returned 'yes', a str"),
        (lambda x: 1, "it returned 1, an int"),
        (lambda x: None, "Is a `return` missing?"),
        (lambda x: x / 0, "raised ZeroDivisionError"),
        (lambda: True, "raised TypeError"),
        (lost_by_comparison(1e-9), "got True, a bool. Give the function itself: `is_lost`"),
        (1e-5, "got 1e-05, a float"),
        (bool, "got the type bool"),
    ],
    "03.b": [
        (bits_with(most=10), "which is what is stored"),
        (bits_with(most=99), "the count stops growing"),
        (bits_with(places=24), "One too few for 1e-5: you said 7"),
        (bits_with(places=26), "One too many for 1e-5: you said 9"),
        (bits_with(first=abs), "right for the number before rounding"),
        (bits_with(first=lambda x: float(sf.round_to(x, "fp16"))), "the sign has a bit of its own"),
        (bits_with(zero=False), "zero has no leading one to count from"),
        (lambda x: bits_by_frexp(x) if x else -1, "Zero has no leading one, and no logarithm"),
        (bits_with(infinite=False), "that has no digits"),
        (bits_with(nan=False), "NaN is not a number"),
        (lambda x: 11, "as for a normal number"),
        (lambda x: 16, "the whole code"),
        (lambda x: 11 if abs(x) >= 2**-14 else 0, "fewer bits, not none"),
        (lambda x: math.log2(abs(x)) if x else 0, "counted in whole numbers"),
        (lambda x: bin(int(sf.encode(x, "fp16")) & 0x3FF | 0x400 * (abs(x) >= 2**-14)).count("1"), "You count "
        "the ones"),
        (lambda x: "11", "it should return a whole number; it returned '11'"),
        (lambda x: None, "Is a `return` missing?"),
        (11, "This wants a function; got 11"),
    ],
    "03.c": [
        (16, "how many steps the slider moved"), (-16, "how many steps the slider moved"),
        (2.0**-16, "the other way"), (60000, "Give a power of two. It moves"), (2.0**12, "2¹² leaves 0.16 %"),
        (1, "2⁰ leaves 5.66 %"), (2.0**20, "2²⁰ carries 2 of 100,000"), (2.0**30, "2³⁰ carries 41,326 of 100,000"),
        (0, "larger than zero"), (-8, "larger than zero"), (math.inf, "An infinite factor"),
        (2.0**40, "most would be infinite"), (2.0**-300, "all would be zero"), (math.nan, "NaN is not a number"),
        ("65536", "got '65536', a str"), ([65536], "a list"), (True, "a bool"), (lambda: 65536, "got a function"),
        (np.ones(3), "an array of shape (3,)"), (65536 + 0j, "a complex"),
    ],
}
# fmt: on

HERE = ("00", "03")  # the lessons whose answers and bets are tried in this file; each other has a file of its own
EXERCISES = {key: row for key, row in catalogue.EXERCISES.items() if key[:2] in HERE}
BETS = {key: row for key, row in catalogue.BETS.items() if key[:2] in HERE}
every_exercise = pytest.mark.parametrize("row", EXERCISES.values(), ids=lambda row: row.id)


def test_the_answers_and_bets_of_every_lesson_are_tried_somewhere() -> None:
    elsewhere = {file.stem[-2:] for file in Path(__file__).parent.glob("test_lesson_[0-9][0-9].py")}
    assert {key[:2] for key in [*catalogue.EXERCISES, *catalogue.BETS]} == elsewhere | set(HERE)


LOADED = "print(*sorted(name[-2:] for name in sys.modules if name[:-2] == 'simfp.course.lessons.lesson_'))"


@pytest.mark.parametrize(
    ("asked", "loaded"),
    [
        ("course.ledger.CLAIMS", []),
        ("course.hint('02.a')", ["02"]),
        ("course.bet('03.1')", ["03"]),
        ("course.catalogue.of_lesson(course.catalogue.EXERCISES, '99')", []),
    ],
)
def test_a_lesson_is_loaded_when_it_is_asked_for_and_no_other(asked: str, loaded: list[str]) -> None:
    program = f"import sys; from simfp import course; {asked}; {LOADED}"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout.split() == loaded


def test_a_lesson_without_a_part_has_no_rows_of_it() -> None:
    rows: catalogue.Rows[Any] = catalogue.Rows("sounds")
    assert (list(rows), len(rows), catalogue.of_lesson(rows, "03")) == ([], 0, [])
    with pytest.raises(ValueError, match=r"^'03.1' is none of $"):
        catalogue.find(rows, "03.1")


def test_right_and_wrong_answers_are_tried_for_every_exercise_and_five_wrong_ones_at_least() -> None:
    assert set(RIGHT) == set(WRONG) == set(EXERCISES)
    for key, rows in WRONG.items():
        assert len({reason for _, reason in rows}) >= 5, key


@pytest.mark.parametrize(("key", "answer"), [(key, answer) for key, answers in RIGHT.items() for answer in answers])
def test_a_right_answer_passes_and_is_kept(key: str, answer: Any) -> None:
    card = course.check(key, answer)
    assert card.passed, card
    assert card.tone == "right"
    assert progress.entry("exercises", key) == {"tries": 1, "passed": True}


@pytest.mark.parametrize(
    ("key", "answer", "reason"), [(key, answer, reason) for key, rows in WRONG.items() for answer, reason in rows]
)
def test_a_typical_wrong_answer_is_told_why(key: str, answer: Any, reason: str) -> None:
    card = course.check(key, answer)
    assert not card.passed
    assert reason in f"{card.title} {card.text}"
    others = [each for _, each in WRONG[key] if each != reason]
    assert not any(other in card.text for other in others)


@every_exercise
def test_every_message_in_the_tables_is_one_that_some_wrong_answer_gets(row: Exercise) -> None:
    heard = "\n".join(course.check(row.id, answer).text for answer, _ in WRONG[row.id])
    if isinstance(row.judge, FunctionJudge):
        for mistake in row.judge.mistakes:
            pieces = map(re.escape, re.split(r"\{\w+\}", mistake.message))
            assert re.search("[^\n]*".join(pieces), heard), mistake.message
    else:
        assert isinstance(row.judge, NumberJudge)
        firsts = {
            next((number for number, slip in enumerate(row.judge.slips) if slip.fits(float(answer))), None)
            for answer, _ in WRONG[row.id]
            if isinstance(answer, (int, float)) and not isinstance(answer, bool) and not math.isnan(answer)
        }
        names = {
            slip.message if isinstance(slip.message, str) else number for number, slip in enumerate(row.judge.slips)
        }
        reached = {
            row.judge.slips[number].message if isinstance(row.judge.slips[number].message, str) else number
            for number in firsts
            if number is not None
        }
        same_as_another = {f"So many has {name}: another format." for name in sf.formats.NAMED_FORMATS}
        assert names - reached <= same_as_another  # formats with as many mantissa bits as one named before


@every_exercise
@pytest.mark.parametrize(
    "answer", [..., None, lambda *x: ...], ids=["dots", "None", "a function that returns the dots"]
)
def test_an_exercise_without_an_answer_says_not_yet_and_counts_as_no_try(row: Exercise, answer: Any) -> None:
    card = course.check(row.id, answer)
    assert (card.title, card.tone, card.passed) == (f"{row.id}: not yet", "waiting", False)
    assert row.question in card.text
    assert progress.read()["exercises"] == {}


def test_a_slider_that_nobody_moved_is_no_answer() -> None:
    assert course.check("00.b", 0).title == "00.b: not yet"


@every_exercise
@pytest.mark.parametrize(
    "answer",
    [
        "",
        b"x",
        [],
        {},
        object(),
        1j,
        np.array([]),
        np.datetime64("2020"),
        type(...),
        10**400,
        pytest.param(10**5000, id="huge"),
    ],
)
def test_no_answer_is_so_odd_that_a_check_raises(row: Exercise, answer: Any) -> None:
    card = course.check(row.id, answer)
    assert not card.passed
    assert card.text


def test_a_wrong_answer_after_a_right_one_does_not_take_it_back() -> None:
    course.check("00.a", 1024)
    course.check("00.a", 5)
    assert progress.entry("exercises", "00.a") == {"tries": 2, "passed": True}


# ---- what the checks hold answers against ----


def test_the_inputs_are_all_codes_and_all_boundaries_with_a_float64_step_to_either_side() -> None:
    many, few = probes(sf.float16)
    codes = np.arange(65536, dtype=np.uint16).view(np.float16)
    with np.errstate(invalid="ignore"):
        values = codes.astype(np.float64)
    magnitudes = sorted(abs(Fraction(float(v))) for v in values[np.isfinite(values) & ~np.signbit(values)])
    asked, asked_singly = (set(x[np.isfinite(x)].tolist()) for x in (many, few))
    for below, above in zip(magnitudes, [*magnitudes[1:], Fraction(65536)], strict=True):
        middle = float((below + above) / 2)
        around = {middle, math.nextafter(middle, 0), math.nextafter(middle, math.inf)}
        assert asked >= {sign * x for sign in (1, -1) for x in around}
        assert above >= Fraction(2) ** -13 or asked_singly >= {sign * x for sign in (1, -1) for x in around}
    for inputs in (many, few):
        assert np.array_equal(inputs[:65536], values, equal_nan=True)


def test_the_right_answers_equal_slow_ones_made_of_integers() -> None:
    _, x = probes(sf.float16)
    x = np.concatenate([x, np.array(answers.TELLING)])
    lost, bits = answers.lost(x), answers.bits(x)
    for value, is_lost, left in zip(x.tolist(), lost.tolist(), bits.tolist(), strict=True):
        if not math.isfinite(value) or abs(value) >= 65520:
            assert (is_lost, left) == (False, 0)
            continue
        steps = abs(Fraction(value)) * 2**24  # in units of the smallest subnormal
        exponent = max(math.frexp(value)[1] - 11 + 24, 0) if value else 0
        quotient = steps / 2**exponent
        whole = quotient.numerator // quotient.denominator
        rest = quotient - whole
        whole += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
        assert is_lost == (whole == 0 and value != 0)
        assert left == min(11, (whole * 2**exponent).bit_length())


def test_what_is_negative_among_the_telling_inputs_has_its_positive_twin_there() -> None:
    telling = answers.TELLING
    assert all(-x in telling for x in telling if x < 0)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (2.0**-25, "2⁻²⁵"), (-(2.0**-14), "-2⁻¹⁴"), (1.0, "1.0"), (1e-5, "1e-5"), (-1e-8, "-1e-8"), (0.1, "0.1"),
        (math.nextafter(2.0**-25, 1), "a number just above 2⁻²⁵"), (65504.0, "65504.0"), (-0.0, "-0.0"),
        (math.nextafter(2.0**-25, 0), "a number just below 2⁻²⁵"), (math.inf, "inf"), (math.nan, "nan"),
        (1.0013580322265625e-05, "1.00136e-5"),
    ],
)  # fmt: skip
def test_a_message_names_its_input_shortly(x: float, text: str) -> None:
    assert spell(x) == text


def test_a_wrong_answer_that_fits_no_row_is_told_with_an_example() -> None:
    judge = FunctionJudge("f(1)", "a whole number", "iuf", (1.0,), lambda x: x, (), sf.float16)
    assert judge(lambda x: x + 1).message == "For 1.0 you said 2; fp16 makes 1 of it, so the answer is 1."
    judge = FunctionJudge(
        "f(1)", "a number", "f", (1.0,), lambda x: x, (Mistake(lambda x, said: x > 9, "no"),), sf.float16
    )
    assert "you said 2" in judge(lambda x: x + 1.0).message


# ---- hints and solutions ----


@every_exercise
def test_hints_come_one_by_one_and_those_before_stay(row: Exercise) -> None:
    for number in range(1, len(row.hints) + 1):
        card = course.hint(row.id)
        assert card.title == f"{row.id}: hint {number} of {len(row.hints)}"
        assert all(hint in card.text for hint in row.hints[:number])
        assert not any(hint in card.text for hint in row.hints[number:])
    assert "the last one" in card.text
    assert course.hint(row.id) == card


@every_exercise
def test_a_solution_comes_after_a_try(row: Exercise) -> None:
    assert course.solution(row.id).tone == "waiting"
    course.check(row.id, ...)
    assert course.solution(row.id).tone == "waiting"
    course.check(row.id, "wrong")
    card = course.solution(row.id)
    assert f'check("{row.id}"' in card.code
    assert card.text
    assert card.code.splitlines()[0].strip() in repr(card)


def test_without_the_solutions_it_says_so(lessons_copy: Path) -> None:
    shutil.rmtree(lessons_copy / "solutions")
    course.check("00.a", 3)
    assert course.solution("00.a").title == "00.a: no solution found"


@pytest.mark.parametrize("function", [course.check, course.hint, course.solution])
def test_an_unknown_exercise_names_those_there_are(function: Callable[..., Card]) -> None:
    with pytest.raises(ValueError, match="'03.z' is none of " + ", ".join(catalogue.EXERCISES)):
        function("03.z")


# ---- bets ----

WINNING = {"00.1": 47, "03.1": "near", "03.2": 134, "03.3": 5.664, "03.4": "keep"}
LOSING = {"00.1": 1.5, "03.1": "zero", "03.2": 126, "03.3": 58.5, "03.4": "flush"}


def test_bets_are_won_and_lost_by_what_is_computed() -> None:
    assert set(WINNING) == set(LOSING) == set(BETS)
    for key, row in BETS.items():
        assert row.won(row.read(WINNING[key]) or 0.0), key
        assert not row.won(row.read(LOSING[key]) or 0.0), key


@pytest.mark.long
def test_every_bet_has_a_story_of_what_simfp_computes() -> None:
    assert all(row.story(row.truth()) for row in catalogue.BETS.values())


def test_the_bets_stories_tell_what_simfp_computes() -> None:
    story = {key: row.story(row.truth()) for key, row in catalogue.BETS.items() if row.id[:2] in ("00", "03")}
    assert "46.9 %" in story["00.1"]
    assert float(sf.round_to(1e-5, "fp16")) == 168 * 2.0**-24
    assert "168 × 2⁻²⁴" in story["03.1"]
    assert "k = 134; in fp16 at k = 25" in story["03.2"]
    assert "5.66 % became zero" in story["03.3"]
    assert "6 of 6" in story["03.4"]
    assert "H100" in story["03.4"]


def test_a_bet_is_kept_comes_back_and_stands() -> None:
    assert course.bet("03.1", "zero").title == "Bet 03.1: zero"
    assert course.bet("03.1", "near").title == "Bet 03.1: near"  # until it is settled it may be changed
    assert "Kept from before" in course.bet("03.1", ...).text
    table = course.settle("03")
    assert [row[1] for row in table.rows] == ["near: ✓\N{NO-BREAK SPACE}right", "no bet", "no bet", "no bet"]
    after = course.bet("03.1", "exactly")
    assert after.title == "Bet 03.1: near"
    assert "stands" in after.text
    course.forget("03.1")
    assert course.bet("03.1", "exactly").title == "Bet 03.1: exactly"
    assert course.settle("03").rows[0][1] == "exactly: ✗\N{NO-BREAK SPACE}not\N{NO-BREAK SPACE}so"


def test_a_bet_not_made_is_not_settled_by_showing_what_happened() -> None:
    course.settle("03")
    assert course.bet("03.2", 134).text.startswith("It is kept")


@pytest.mark.parametrize(
    ("key", "answer", "kept"),
    [("03.1", 1e-5, "exactly"), ("03.1", 0, "zero"), ("03.1", 1.001e-5, "near"), ("03.1", " Near ", "near"),
     ("03.2", np.int64(133), 133.0), ("03.3", 5, 5.0), ("03.4", "KEEP", "keep")],
)  # fmt: skip
def test_a_bet_may_be_a_word_or_a_number(key: str, answer: Any, kept: Any) -> None:
    course.bet(key, answer)
    assert progress.entry("bets", key) == {"bet": kept, "settled": False}


@pytest.mark.parametrize(
    ("key", "answer", "wanted"),
    [("03.1", "none", '"exactly" or "near" or "zero"'), ("03.2", "134", "a number"), ("03.2", True, "a number"),
     ("03.3", math.nan, "a number (%)"), ("03.3", math.inf, "a number"), ("03.3", [5], "a number"),
     ("03.4", 3, '"keep" or "flush"'), ("03.4", "", '"keep" or "flush"'),
     pytest.param("03.3", 10**5000, "a number", id="huge"), ("03.1", -(10**400), '"near"')],
)  # fmt: skip
def test_what_cannot_be_bet_is_refused_with_what_can(key: str, answer: Any, wanted: str) -> None:
    card = course.bet(key, answer)
    assert card.tone == "wrong"
    assert short(answer) in card.text
    assert wanted in card.text
    assert progress.read()["bets"] == {}


def test_no_bet_yet_asks_the_question() -> None:
    for key, row in catalogue.BETS.items():
        for card in (course.bet(key), course.bet(key, ...), course.bet(key, None)):
            assert card.title == f"Bet {key}: no bet yet"
            assert row.question in card.text


def test_unknown_bets_and_lessons_name_those_there_are() -> None:
    with pytest.raises(ValueError, match="'3.1' is none of " + ", ".join(catalogue.BETS)):
        course.bet("3.1", "near")
    with pytest.raises(ValueError, match=r"no bets in lesson '3'; expected one of 00, .*03"):
        course.settle("3")


# ---- progress ----


def test_progress_is_a_small_json_file_where_the_learner_says(progress_file: Path) -> None:
    course.bet("03.1", "near")
    course.check("03.c", 2.0**16)
    assert json.loads(progress_file.read_text()) == {
        "version": 1,
        "bets": {"03.1": {"bet": "near", "settled": False}},
        "exercises": {"03.c": {"passed": True, "tries": 1}},
    }
    assert os.listdir(progress_file.parent) == ["progress.json"]


def test_without_a_word_from_the_learner_it_lies_beside_the_lessons(
    monkeypatch: pytest.MonkeyPatch, lessons_copy: Path, tmp_path: Path
) -> None:
    monkeypatch.delenv("SIMFP_PROGRESS")
    assert progress.path() == lessons_copy / "progress.json"
    monkeypatch.chdir(lessons_copy / "solutions")
    assert progress.path() == lessons_copy / "progress.json"
    monkeypatch.chdir(tmp_path)
    assert progress.path() == lessons_copy / "progress.json"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(places, "FIRST_LESSON", "no such lesson")
    assert progress.path() == tmp_path / "elsewhere" / "progress.json"


@pytest.mark.parametrize(
    "content",
    [b"", b'{"version": 1, "bets": {', b"\xff\xfe\x00", b"[]", b'{"version": 2}', b'{"version": 1, "bets": []}',
     b'{"version": 1, "exercises": {"03.a": 1}}'],
)  # fmt: skip
def test_a_damaged_file_is_kept_aside_and_reported(
    content: bytes, progress_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress_file.parent.mkdir()
    for number in (1, 2):
        progress_file.write_bytes(content)
        assert course.bet("03.1", "near").title == "Bet 03.1: near"
        said = capsys.readouterr().out
        assert str(progress_file) in said
        assert f"kept as progress.damaged-{number}.json" in said
        assert (progress_file.parent / f"progress.damaged-{number}.json").read_bytes() == content
    assert progress.entry("bets", "03.1") == {"bet": "near", "settled": False}


def test_a_write_that_fails_leaves_the_old_file_whole(
    progress_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    course.bet("03.1", "near")
    before = progress_file.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            assert course.bet("03.2", 30).title == "Bet 03.2: 30"  # the lesson goes on
        assert "No space left on device" in capsys.readouterr().out
        assert progress_file.read_bytes() == before
        assert os.listdir(progress_file.parent) == ["progress.json"]


def test_where_nothing_can_be_written_the_lesson_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("SIMFP_PROGRESS", str(tmp_path / "a file" / "progress.json"))
    assert course.check("00.a", 1024).passed
    said = capsys.readouterr().out
    assert "could not be written" in said
    assert "SIMFP_PROGRESS" in said
    monkeypatch.setenv("SIMFP_PROGRESS", str(tmp_path))  # a folder
    assert course.check("00.a", 1024).passed
    assert "cannot be read" in capsys.readouterr().out


def test_forgetting_takes_one_bet_a_lesson_or_everything() -> None:
    def kept() -> list[str]:
        return [*progress.read()["bets"], *progress.read()["exercises"]]

    course.bet("00.1", 5)
    course.bet("03.1", "near")
    course.check("03.a", 5)
    course.check("03.b", 5)
    course.forget("03.a")
    assert kept() == ["00.1", "03.1", "03.b"]
    course.forget("03")
    assert kept() == ["00.1"]
    course.forget()
    assert kept() == []


# ---- the map, and the machine ----


def test_the_map_has_a_row_for_each_lesson_that_is_there_with_its_question_and_progress() -> None:
    course.bet("03.1", "near")
    course.settle("03")
    course.check("03.a", lost_by_comparison)
    course.check("03.b", 3)
    table = course.lessons()
    assert isinstance(table, Table)
    files = sorted(file.name for file in LESSONS_FOLDER.glob("*.ipynb"))
    assert list(table.links) == files
    row = next(row for row in table.rows if row[0].startswith("03"))
    assert row == ("03 · Where does a small number go?", "●○○○ 1 of 4", "●○○ 1 of 3")
    assert '<a href="03_fall_through_the_floor.ipynb">' in table._repr_html_()


def test_the_map_takes_lessons_without_exercises_and_notebooks_that_are_damaged(lessons_copy: Path) -> None:
    (lessons_copy / "77_broken.ipynb").write_text("{")
    table = course.lessons()
    assert isinstance(table, Table)
    assert table.rows[-1] == ("77_broken", "–", "–")


def test_without_lessons_the_map_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "FIRST_LESSON", "no such lesson")
    assert course.lessons() == Card(
        "The lessons are not here", "Open this notebook from the folder that it came in.", "wrong"
    )


def test_the_environment_check_finds_everything_here_and_holds_the_arithmetic_against_numpy() -> None:
    table = course.environment()
    found = {row[0]: row for row in table.rows}
    assert table.caption == "This machine runs the course."
    assert found["arithmetic"][1].startswith("65,536 of 65,536")
    required = {
        re.match(r"[\w.-]+", line)[0] for line in importlib.metadata.requires("simfp") or () if "extra" not in line
    }  # type: ignore[index]
    assert set(found) >= required | {"anywidget", "jupyterlab", "Python", "processor cores", "NVIDIA GPU", "torch"}


def test_the_environment_check_names_what_is_missing_or_old_and_what_is_not_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("anywidget", "torch"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.5.9" if name == "numba" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    table = course.environment()
    found = {row[0]: row[1:] for row in table.rows}
    assert found["anywidget"] == ("not installed", "✗ needed")
    assert found["numba"] == ("0.5.9", "✗ 0.62 or newer is needed")
    assert found["torch"] == ("not installed", "– not needed")
    assert found["NVIDIA GPU"][1] == "– not needed"
    assert table.caption.startswith("Not ready: numba, anywidget. ")
    assert "make setup" in table.caption


def test_a_gpu_is_named_as_its_driver_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA Example, 580.1'\n")
    tool.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tool))
    assert ("NVIDIA GPU", "NVIDIA Example, 580.1", "✓") in course.environment().rows
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert ("NVIDIA GPU", "none: what a GPU said comes from recordings", "– not needed") in course.environment().rows


@pytest.mark.parametrize(
    "claims", ["course.ledger.show('03')", pytest.param("course.ledger.show()", marks=pytest.mark.long)]
)
def test_the_course_brings_neither_torch_nor_matplotlib_nor_widgets(claims: str) -> None:
    code = (
        f"import sys; from simfp import course; course.environment(); {claims}; "
        "print(sorted({'torch', 'matplotlib', 'ipywidgets', 'anywidget', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- what is shown ----


def test_a_card_is_html_in_a_notebook_and_text_elsewhere() -> None:
    card = Card("03.a: not quite", "First `x < 1` & more.\n\nThen.", "wrong", code="y = 2 < 3")
    html = card._repr_html_()
    assert "<code>x &lt; 1</code> &amp; more." in html
    assert "<pre>y = 2 &lt; 3</pre>" in html
    assert "✗ 03.a: not quite" in html  # not by colour alone
    assert repr(card) == "✗ 03.a: not quite\n  First `x < 1` & more.\n  Then.\n    y = 2 < 3"


def test_what_a_learner_typed_cannot_become_html() -> None:
    assert "<script>" not in course.check("03.c", "<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in course.bet("03.1", "<script>alert(1)</script>")._repr_html_()


def test_a_table_is_html_with_a_caption_and_headings_and_text_in_columns() -> None:
    table = Table("All of it", ("a", "b"), [("1", "<2>"), ("333", "4")])
    html = table._repr_html_()
    assert re.search(r"<caption[^>]*>All of it</caption>", html)
    assert html.count('scope="col"') == 2
    assert "&lt;2&gt;" in html
    assert repr(table) == "All of it\na    b\n1    <2>\n333  4"
    wide = repr(Table("Wide", ("a", "b"), [("word " * 40, "more " * 40)]))
    assert all(len(line) <= 96 for line in wide.splitlines())


def test_a_picture_comes_with_its_text() -> None:
    x = np.geomspace(2.0**-30, 2.0, 500)
    text = precision.describe(x, "fp16", "bf16")
    picture = course.picture(precision.relative_error(x, "fp16", "bf16"), text)
    assert isinstance(picture, Picture)
    html = picture._repr_html_()
    assert re.search(r'<img [^>]*alt="[^"]{50,}" src="data:image/png;base64,iVBOR', html)
    assert text in html
    assert repr(picture).replace("\n", " ") == text


# ---- the figure of part 4 ----


def test_the_figure_of_errors_says_in_words_what_simfp_computes() -> None:
    x = np.geomspace(2.0**-40, 2.0**4, 3000)
    found = precision.errors(x, sf.float16)
    assert np.array_equal(found, np.abs(sf.round_to(x, "fp16") - x) / x)
    assert found[x >= 2.0**-14].max() <= 2.0**-11
    assert np.array_equal(found == 1, x <= 2.0**-25)
    assert precision.describe(x, "fp16", "bf16").startswith(
        "Relative error of 3,000 numbers from 9.1e-13 to 16. fp16: among"
    )
    flushed = precision.describe(x, "fp16", subnormals="flush")
    assert "100 % at 6.1e-5 and less" in flushed
    assert "growing" not in precision.describe(x, "bf16")


def test_the_figure_has_dots_and_a_staircase_for_each_format_and_survives_exact_numbers() -> None:
    x = np.append(np.geomspace(2.0**-20, 1.0, 300), 2.0**4)
    axes = precision.relative_error(x, "fp16", "bf16", "e4m3")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["fp16", "bf16", "fp8 e4m3"]
    assert len(axes.patches) == 3
    assert np.isnan(axes.patches[0].get_data().values[-1])
    other = axes.figure.add_subplot()
    assert precision.relative_error(x, "fp16", ax=other) is other


# ---- recordings ----


def test_a_recording_says_what_answered_and_when() -> None:
    recording = recordings.load("h100_subnormals")
    told = recording["provenance"]
    for key in ("device", "driver", "torch", "date"):
        assert told[key] in recordings.source(recording)
    assert "h100_subnormals" in recordings.names()


def test_all_recordings_load() -> None:
    files = sorted(file.stem for file in (LESSONS_FOLDER / "recordings").iterdir() if file.suffix == ".json")
    assert list(recordings.names()) == files
    for name in files:
        recordings.load(name)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace('"kept": 2048', '"kept": 2047', 1), "does not have its checksum"),
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: "", "is damaged"),
        (lambda text: "[]", "does not have its checksum"),
        (lambda text: "\ufffd", "is damaged"),
    ],
)
def test_a_damaged_recording_is_refused(change: Callable[[str], str], complaint: str, lessons_copy: Path) -> None:
    file = lessons_copy / "recordings" / "h100_subnormals.json"
    file.write_text(change(file.read_text()))
    with pytest.raises(ValueError, match=rf"h100_subnormals.json.*{complaint}.*git checkout"):
        recordings.load("h100_subnormals")


def test_a_recording_that_does_not_say_where_it_comes_from_is_refused(lessons_copy: Path) -> None:
    file = lessons_copy / "recordings" / "h100_subnormals.json"
    recording = json.loads(file.read_text())
    del recording["sha256"], recording["provenance"]["driver"], recording["provenance"]["date"]
    file.write_text(json.dumps(recording | {"sha256": recordings.checksum(recording)}))
    with pytest.raises(ValueError, match="no driver, no date"):
        recordings.load("h100_subnormals")
    del recording["provenance"]
    file.write_text(json.dumps(recording | {"sha256": recordings.checksum(recording)}))
    with pytest.raises(ValueError, match="no device, no driver"):
        recordings.load("h100_subnormals")


def test_an_unknown_recording_names_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"no recording is called 'h200'; expected one of .*h100_subnormals"):
        recordings.load("h200")
    with pytest.raises(ValueError, match="no recording is called"):
        recordings.load("../recordings/h100_subnormals")
    monkeypatch.setattr(places, "FIRST_LESSON", "no such lesson")
    with pytest.raises(ValueError, match="no recordings without the lessons"):
        recordings.load("h100_subnormals")


# ---- the ledger ----


def test_the_ledger_has_claims_with_figures_and_a_verdict() -> None:
    names = [claim.id for claim in ledger.CLAIMS]
    assert names[:3] == ["storage", "underflow", "tensor cores"]
    assert len(set(names)) == len(names)
    for claim in ledger.CLAIMS:
        figures, verdict, conditions = claim.experiment()
        assert figures
        assert verdict in ledger.VERDICTS
        assert conditions or verdict != "holds under conditions"
        assert not conditions or verdict != "holds"
        assert (LESSONS_FOLDER / f"{claim.lesson}.ipynb").name[:2] in {
            file.name[:2] for file in LESSONS_FOLDER.glob("*.ipynb")
        }
    assert len(ledger.show().rows) == len(names)
    assert len(ledger.show("03").rows) == 1
    with pytest.raises(ValueError, match="no claim is tested in lesson '42'; expected one of 01, 03, 06, 07, "):
        ledger.show("42")


def test_underflow_holds_only_with_subnormals_flushed() -> None:
    figures, verdict, conditions = claims.underflow()
    assert (verdict, conditions) == (
        "holds under conditions",
        "only with subnormals flushed to zero; the GPU recorded here keeps them",
    )
    assert figures[:2] == (
        "Precision fades below 6.1e-5, the smallest normal fp16 number; what is at most 3e-8 becomes zero.",
        "Of 58,536 recorded gradients below 6e-5, 9.68 % become zero; with subnormals flushed, 100 %.",
    )
    assert "every subnormal fp16 number" in figures[2]
    assert "H100" in figures[2]


def test_the_verdict_follows_from_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "round_to", lambda x, fmt, subnormals: np.zeros_like(x))
    assert claims.underflow().verdict == "holds"
    monkeypatch.setattr(claims, "round_to", lambda x, fmt, subnormals: x)
    assert claims.underflow().verdict == "does not hold"
    monkeypatch.setattr(claims, "encode", lambda x, fmt: x)
    assert claims.storage().verdict == "does not hold"


def test_storage_halves_what_is_kept_in_16_bits_and_a_master_copy_adds() -> None:
    figures, verdict, _ = claims.storage()
    assert verdict == "holds under conditions"
    assert "4,000,000 bytes in fp32 and 2,000,000 in fp16: 50%" in figures[0]
    assert "4 + 2 bytes: 150%" in figures[1]
