"""Files written whole or not at all."""

import os
from pathlib import Path

import numpy as np
import pytest

from simfp import whole_files


def test_text_and_bytes_are_written_into_folders_that_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    whole_files.write(path, "2⁻²⁴")
    assert path.read_text(encoding="utf-8") == "2⁻²⁴"
    whole_files.write(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [each.name for each in path.parent.iterdir()] == ["b.txt"]


def test_arrays_come_back(tmp_path: Path) -> None:
    whole_files.write_arrays(tmp_path / "some.npz", x=np.arange(3), name=np.array("n"))
    with np.load(tmp_path / "some.npz") as kept:
        assert kept["x"].tolist() == [0, 1, 2]
        assert str(kept["name"]) == "n"


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "stopped"]
)
def test_what_fails_leaves_the_old_content_and_nothing_beside_it(
    name: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.txt"
    whole_files.write(path, "old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(type(error)):
        whole_files.write(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["kept.txt"]
