"""Files that are damaged in every way: each is refused by name with ValueError, and what was there is there still."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import ml_dtypes
import numpy as np
import pytest
from hypothesis import strategies as st

from simfp import lessons_folder, whole_files
from simfp.course import bets, catalogue, contents, exercises, progress
from simfp.experiments.training import files as training_files
from simfp.experiments.training.run import Training
from simfp.probing.wording import read_tree
from simfp.silicon import compare, product_cases, recordings
from tests.fuzz.properties import fuzzed

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# --- ways to damage ------------------------------------------------------------------------------------------------


@st.composite
def wounds(draw: st.DrawFn) -> list[tuple[str, float, int]]:
    """What happens to a file's bytes, and where, as a share of its length."""
    kinds = st.sampled_from(["cut", "flip", "insert", "delete", "double", "zero"])
    return draw(st.lists(st.tuples(kinds, st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))


def wounded(content: bytes, what: list[tuple[str, float, int]]) -> bytes:
    for kind, share, byte in what:
        at = int(share * max(len(content) - 1, 0))
        if kind == "cut":
            content = content[:at]
        elif kind == "flip" and content:
            content = content[:at] + bytes([content[at] ^ (byte or 1)]) + content[at + 1 :]
        elif kind == "insert":
            content = content[:at] + bytes([byte]) * (byte % 5 + 1) + content[at:]
        elif kind == "delete":
            content = content[:at] + content[at + byte % 9 + 1 :]
        elif kind == "double":
            content = content + content[at:]
        elif kind == "zero":
            content = content[:at] + bytes(min(16, len(content) - at)) + content[at + 16 :]
    return content


class Bomb:
    """What a pickle would run when it is loaded."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("unpickled",)


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def header(shape: str, descr: str) -> bytes:
    """An .npy that says that it has this shape and dtype, and has 16 bytes."""
    told = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    told += b" " * (-(len(told) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(told).to_bytes(2, "little") + told + bytes(16)


SHAPES = ["(2**40,)", "(99999999999999,)", "(-1,)", "(2,'x')", "7", "()", "(1000000000,1000000000)"]
DESCRS = ["'<f4'", "'|O'", "'<M8[ns]'", "[('a','<f4')]", "'|V7'", "'<f99'", "'nonsense'"]
strange_members = st.one_of(
    st.just(npy(np.array([Bomb()], object))),
    st.builds(header, st.sampled_from(SHAPES), st.sampled_from(DESCRS)),
    st.binary(max_size=40),
    st.just(npy(np.arange(3))),
    st.just(npy(np.array("text"))),
    st.just(npy(np.array(json.dumps({"kind": "simfp training", "version": 1, "state": {}})))),
)  # fmt: skip


def with_member(content: bytes, name: str, member: bytes | None) -> bytes:
    """An .npz with one member replaced, added, or (None) left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        if member is not None:
            new.writestr(name, member)
    return out.getvalue()


# --- training runs -------------------------------------------------------------------------------------------------


@functools.cache
def a_run() -> tuple[Training, bytes]:
    training = Training("mlp", "fp16 + scaler", steps=2, measure_every=0)
    training.run()
    with folder() as here:
        training.save(here / "run.npz")
        return training, (here / "run.npz").read_bytes()


def same_run(a: Training, b: Training) -> bool:
    first, second = a.model.state_dict(), b.model.state_dict()
    return list(first) == list(second) and all(first[name].tobytes() == second[name].tobytes() for name in first)


def loaded_or_refused(content: bytes) -> Training | None:
    """A training run's file, read: the run, or None where it was refused as documented."""
    with folder() as here:
        path = here / "run.npz"
        path.write_bytes(content)
        try:
            return Training.load(path)
        except ValueError as error:
            assert str(path) in str(error)
            return None
        finally:
            assert path.read_bytes() == content
            assert os.listdir(here) == ["run.npz"]
            assert not Path("unpickled").exists()


@fuzzed(examples=40, what=wounds())
def test_a_training_file_with_wounds_is_refused_or_the_run_it_was(what: list[tuple[str, float, int]]) -> None:
    training, content = a_run()
    found = loaded_or_refused(wounded(content, what))
    assert found is None or same_run(found, training)


@fuzzed(examples=40, name=st.sampled_from(["state.npy", "array0.npy", "array3.npy", "extra.npy", "x", "../x.npy"]),
        member=st.one_of(st.none(), strange_members))  # fmt: skip
def test_a_training_file_with_strange_members_is_refused_or_loads(name: str, member: bytes | None) -> None:
    training, content = a_run()
    found = loaded_or_refused(with_member(content, name, member))
    assert found is None or found.settings == training.settings


@fuzzed(
    examples=40, state=json_values, key=st.sampled_from(["settings", "history", "model", "optimizer", "scaler", "rng"])
)
def test_a_training_file_with_parts_of_another_kind_is_refused_or_loads(state: Any, key: str) -> None:
    training, _ = a_run()
    whole = training.state() | {"settings": training.settings.plain()} | {key: state}
    with folder() as here:
        training_files.write(here / "a.npz", whole)
        loaded_or_refused((here / "a.npz").read_bytes())


arrays = st.one_of(
    st.lists(st.floats(width=32), max_size=4).map(lambda x: np.array(x, np.float32)),
    st.lists(st.integers(0, 2**16 - 1), max_size=4).map(lambda x: np.array(x, np.uint16).view(ml_dtypes.bfloat16)),
    st.lists(st.integers(0, 2**16 - 1), max_size=4).map(lambda x: np.array(x, np.uint16).view(np.float16)),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
)
trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers(0, 9)), inner, max_size=3),
    ),
    max_leaves=8,
)  # fmt: skip


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.generic):
        return a.item() == b
    return a == b or (a != a and b != b)


@fuzzed(examples=100, state=st.dictionaries(st.text(max_size=5), trees, max_size=4))
def test_a_state_comes_back_from_its_file_bit_for_bit(state: dict[str, Any]) -> None:
    with folder() as here:
        training_files.write(here / "a.npz", state)
        assert same(state, training_files.read(here / "a.npz"))


# --- plain files ---------------------------------------------------------------------------------------------------


@fuzzed(examples=60, content=st.one_of(st.binary(max_size=200), strange_members), what=wounds())
def test_arrays_of_any_file_are_read_or_refused_by_name(content: bytes, what: list[tuple[str, float, int]]) -> None:
    zipped = io.BytesIO()
    np.savez(zipped, a=np.arange(5), b=np.float16(3))
    for each in (content, wounded(content, what), with_member(zipped.getvalue(), "a.npy", content)):
        with folder() as here:
            (here / "a.npz").write_bytes(each)
            try:
                found = whole_files.read_arrays(here / "a.npz")
            except ValueError as error:
                assert str(here / "a.npz") in str(error)
            else:
                assert all(isinstance(array, np.ndarray) for array in found.values())
    assert not Path("unpickled").exists()


# --- recordings ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def recordings_of(**files: bytes) -> Iterator[None]:
    """Lessons with these files as their recordings."""
    with folder() as here:
        (here / "recordings").mkdir()
        for name, content in files.items():
            (here / "recordings" / name.replace("__", ".")).write_bytes(content)
        with mock.patch.object(lessons_folder, "lessons", return_value=here):
            yield


@functools.cache
def recorded(name: str) -> bytes:
    lessons = lessons_folder.lessons()
    assert lessons is not None
    return (lessons / "recordings" / name).read_bytes()


NAMES = st.sampled_from(["h100_subnormals", "h200_probe", "cpu_probe_torch", "h100_products"])


@fuzzed(examples=60, name=NAMES, what=wounds())
def test_a_recording_with_wounds_is_refused_or_the_same(name: str, what: list[tuple[str, float, int]]) -> None:
    content = wounded(recorded(f"{name}.json"), what)
    whole = recordings.load(name)
    with recordings_of(**{f"{name}__json": content}):
        try:
            found = recordings.load(name)
        except ValueError as error:
            assert f"the recording {name}.json is damaged" in str(error)
        else:
            assert found == whole  # a blank more, or less


@fuzzed(examples=60, content=json_values)
def test_a_recording_of_any_content_is_refused(content: Any) -> None:
    told = content if isinstance(content, dict) else {"rows": content}
    summed = told | {"sha256": recordings.checksum({key: value for key, value in told.items() if key != "sha256"})}
    for each in (content, summed):
        with recordings_of(a__json=json.dumps(each).encode()):
            for read in (recordings.load, recordings.answers):
                with pytest.raises(ValueError, match=r"a\.json"):
                    read("a")


@fuzzed(examples=30, what=wounds())
def test_answers_with_wounds_are_refused(what: list[tuple[str, float, int]]) -> None:
    content, told = recorded("h100_products.npz"), recorded("h100_products.json")
    changed = wounded(content, what)
    with recordings_of(h100_products__json=told, h100_products__npz=changed):
        if hashlib.sha256(changed).digest() == hashlib.sha256(content).digest():
            return
        with pytest.raises(ValueError, match=r"h100_products\.npz is damaged, or not the one recorded"):
            next(
                product_cases.recorded(
                    lessons_folder.lessons() / "recordings" / "h100_products.npz", recordings.load("h100_products")
                )
            )


@fuzzed(examples=60, content=st.one_of(json_values, st.builds(lambda rows: {"rows": rows, "version": 1}, json_values)))
def test_a_report_of_any_content_is_refused_or_has_checks(content: Any) -> None:
    told = content if isinstance(content, dict) else {"rows": content}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    for each in (content, told | {"sha256": digest}):
        with folder() as here:
            (here / "a.json").write_text(json.dumps(each))
            try:
                found = compare.read(here / "a.json")
            except ValueError as error:
                assert "a.json" in str(error)
            else:
                assert all("checksums" in row for row in found["rows"])


WORDS = ["s0 = ", "s1 = ", "s0 + s1", ", then ", "4 x 16 (0 .. 63)", "2 x 1 (0 .. 9, every 8th)", "3", " + ", "\n",
         "1 x 3 (0, 1, 2)", "999999999999 x 9 (0 .. 1)", "0 x 1 (0 .. 4)"]  # fmt: skip
tree_texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="s01234 ().,+=xthen every\nd", max_size=80),
    st.lists(st.sampled_from(WORDS), max_size=8).map("".join),
)  # fmt: skip


@fuzzed(examples=100, text=tree_texts)
def test_a_tree_in_words_is_read_or_refused(text: str) -> None:
    try:
        read_tree(text)
    except ValueError as error:
        assert str(error)


# --- progress ------------------------------------------------------------------------------------------------------

FIELDS = st.sampled_from(["bet", "settled", "tries", "passed", "hints", "x"])
KEYS = st.sampled_from(["00.1", "03.1", "03.a", "01.b", "?"])
rows = st.dictionaries(KEYS, st.one_of(st.dictionaries(FIELDS, json_values, max_size=3), json_values), max_size=3)
kept = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {"version": st.sampled_from([1, 1, 1, 2, True, "1"])},
        optional={"bets": st.one_of(rows, json_values), "exercises": st.one_of(rows, json_values)},
    ),
)  # fmt: skip


@fuzzed(examples=60, content=kept, what=st.one_of(st.none(), wounds()))
def test_a_progress_file_of_any_content_is_used_or_kept_aside(content: Any, what: Any) -> None:
    written = json.dumps(content).encode()
    written = wounded(written, what) if what else written
    with folder() as here, mock.patch.dict(os.environ, {"SIMFP_PROGRESS": str(here / "progress.json")}):
        (here / "progress.json").write_bytes(written)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            found = progress.read()
            assert found["version"] == 1
            assert str(contents.table())
            bet, exercise = next(iter(catalogue.BETS.values())), next(iter(catalogue.EXERCISES.values()))
            for told in (
                bets.place(bet, 3),
                bets.place(bet, ...),
                exercises.check(exercise, 0),
                exercises.hint(exercise),
            ):
                assert str(told)
            assert str(bets.settle([bet]))
            progress.forget("03")
        aside = here / "progress.damaged-1.json"
        if "cannot be understood" in said.getvalue():
            assert aside.read_bytes() == written
        else:
            assert not aside.exists()
        shutil.rmtree(here / "x", ignore_errors=True)
        assert json.loads((here / "progress.json").read_text())["version"] == 1
