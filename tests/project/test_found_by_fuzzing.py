"""What fuzzing found, one by one: damaged files and states that were let in, or refused in words of somebody else."""

import hashlib
import json
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import course, lessons_folder, nn, optim, whole_files
from simfp.course import bets, catalogue, progress
from simfp.experiments.training import files as training_files
from simfp.experiments.training.run import Training
from simfp.explain import parse_number
from simfp.probing.wording import read_tree
from simfp.silicon import compare, recordings
from simfp.widgets import BitsBeside, TensorCoreBits
from tests import exact
from tests.samples import assert_same


def test_a_member_of_an_npz_that_is_no_array_is_refused_though_numpy_gives_its_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("a.npy", b"no array")
    with pytest.raises(ValueError, match=r"a\.npz holds no arrays: .*'a' is no array"):
        whole_files.read_arrays(tmp_path / "a.npz")


def test_objects_in_an_npz_are_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match=r"a\.npz holds no arrays: .*allow_pickle=False"):
        whole_files.read_arrays(tmp_path / "a.npz")


def test_thousands_of_brackets_are_no_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"a\.json is damaged"):
        whole_files.read_json(tmp_path / "a.json")


@pytest.mark.parametrize("part", ["settings", "history", "model", "optimizer", "scaler", "rng"])
@pytest.mark.parametrize("value", [None, 3, [1], {}, "text"], ids=repr)
def test_a_training_file_with_a_part_of_another_kind_is_refused_by_name(part: str, value: Any, tmp_path: Path) -> None:
    training = Training("mlp", "fp16 + scaler", steps=1, measure_every=0)
    whole = training.state() | {"settings": training.settings.plain()}
    if (part == "rng" and value is None) or (part == "history" and value in ({}, "")):
        return  # as it is where nothing is random; no steps
    training_files.write(tmp_path / "a.npz", whole | {part: value})
    with pytest.raises(ValueError, match=r"a\.npz holds no whole training run"):
        Training.load(tmp_path / "a.npz")


@pytest.mark.parametrize("state", [3, {"array": "x", "stored": None}, {"other": 1}, {"dict": 3}, None], ids=repr)
def test_a_training_file_whose_description_does_not_fit_is_refused_by_name(state: Any, tmp_path: Path) -> None:
    told = json.dumps({"kind": training_files.KIND, "version": training_files.VERSION, "state": state})
    np.savez(tmp_path / "a.npz", state=np.array(told))
    with pytest.raises(ValueError, match=r"a\.npz holds no whole training run"):
        training_files.read(tmp_path / "a.npz")


@pytest.mark.parametrize("rows", [None, 3, "checksums", [None], ["checksums"], {"checksums": 1}], ids=repr)
def test_a_report_whose_rows_are_no_checks_is_refused(rows: Any, tmp_path: Path) -> None:
    told = {"rows": rows, "version": 1}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    (tmp_path / "a.json").write_text(json.dumps(told | {"sha256": digest}))
    with pytest.raises(ValueError, match=r"a\.json holds no checks"):
        compare.read(tmp_path / "a.json")


def test_a_recording_without_answers_says_so() -> None:
    with pytest.raises(ValueError, match="the recording 'h200_probe' has no file of answers"):
        recordings.answers("h200_probe")


def test_answers_that_are_not_there_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"h200_products\.npz, the file of answers, is not beside|has no file of answers"
    ):
        recordings.answers("h200_products")


@pytest.mark.parametrize("told", [3, None, "text", [1]], ids=repr)
def test_a_recording_whose_provenance_is_no_table_is_refused(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recordings").mkdir()
    content = {"provenance": told, "rows": []}
    whole = content | {"sha256": recordings.checksum(content)}
    (tmp_path / "recordings" / "a.json").write_text(json.dumps(whole))
    monkeypatch.setattr(lessons_folder, "lessons", lambda: tmp_path)
    with pytest.raises(ValueError, match=r"a\.json does not say where it comes from"):
        recordings.load("a")


@pytest.mark.parametrize("told", ["s0 = , then ", " = , then "])
def test_a_tree_of_nothing_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="describes no sum"):
        read_tree(told)


@pytest.mark.parametrize("told", ["999999999999 x 9 (0 .. 1)", "0 x 4 (0 .. 3)", "3 x 0 (0 .. 3)"])
def test_a_tree_of_far_too_many_terms_or_of_none_is_refused_at_once(told: str) -> None:
    with pytest.raises(ValueError, match="terms; expected 1 to 1,048,576"):
        read_tree(f"s0 = {told}")


@pytest.mark.parametrize(
    ("section", "row"),
    [("bets", {"bet": [1]}), ("bets", {"bet": None}), ("exercises", {"tries": "many"}), ("exercises", {"hints": -3}),
     ("exercises", {"hints": 1.5}), ("bets", {"settled": "yes"}), ("exercises", {"tries": 2**60})],
    ids=str,
)  # fmt: skip
def test_progress_of_another_kind_is_kept_aside(
    section: str, row: dict[str, Any], progress_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress_file.parent.mkdir(parents=True)
    content = json.dumps({"version": 1, section: {next(iter(catalogue.BETS)): row}})
    progress_file.write_text(content)
    assert progress.read()[section] == {}
    assert "cannot be understood" in capsys.readouterr().out
    assert progress_file.with_name("progress.damaged-1.json").read_text() == content
    assert str(bets.place(next(iter(catalogue.BETS.values())), ...))


@pytest.mark.parametrize(
    "changed",
    [{"state": None}, {"state": {0: None}}, {"state": [1]}, {"param_groups": None}, {"param_groups": [None]},
     {"param_groups": [np.zeros(3)]}, {"param_groups": [{"params": None}]}, {"param_groups": [{"params": "0"}]}],
    ids=str,
)  # fmt: skip
def test_an_optimizer_refuses_a_state_that_holds_no_tables(changed: dict[str, Any]) -> None:
    optimizer = optim.SGD([nn.Parameter(np.ones(2, np.float32))], lr=0.1, momentum=0.9)
    before = repr(optimizer.state_dict())
    with pytest.raises(TypeError, match="of an optimizer's"):
        optimizer.load_state_dict(optimizer.state_dict() | changed)
    assert repr(optimizer.state_dict()) == before


def test_none_is_no_check_and_no_case() -> None:
    beside = BitsBeside(recordings.load("h200_operations"))
    before, beside.check = beside.check, None
    assert (beside.check, beside.message.startswith("unknown check None")) == (before, True)
    core = TensorCoreBits(recordings.answers("h100_products"))
    case, core.case = core.case, None
    assert (core.case, core.message.startswith("unknown case None")) == (case, True)


@pytest.mark.parametrize(
    "text", ["33*2^-1080", "-33*2^-1080", "3*2^-1076", "5*2^-1076", "2^-1080", "2^-2000", "1e-330"]
)
@pytest.mark.parametrize("rounding", ["nearest_even", "toward_positive", "toward_negative", "toward_zero", "to_odd"])
@pytest.mark.parametrize("fmt", ["fp16", "fp32", sf.Format("tiny", exponent_bits=10, mantissa_bits=23)], ids=str)
def test_a_typed_number_below_float64_s_subnormals_is_rounded_from_its_exact_value(
    text: str, rounding: str, fmt: Any
) -> None:
    fmt = sf.as_format(fmt)
    story = sf.explain(text, fmt, rounding)
    assert_same(story.result, exact.round_exact(parse_number(text), fmt, rounding), text)
    assert story.tie == Fraction(fmt.smallest_subnormal) / 2 * (-1 if text.startswith("-") else 1)
    assert str(story)


@pytest.mark.parametrize("row", ['{"\\udddd": null}', '{"bet": "\\ud800"}'])
def test_progress_with_half_a_surrogate_pair_is_written_again(row: str, progress_file: Path) -> None:
    progress_file.parent.mkdir()
    progress_file.write_text(f'{{"version": 1, "bets": {{"?": {row}}}, "exercises": {{}}}}')
    course.bet("03.1", "zero")
    assert progress.read()["bets"] == {"?": json.loads(row), "03.1": {"bet": "zero", "settled": False}}
