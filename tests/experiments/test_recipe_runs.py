"""The recorded runs under six recipes: whole, from where they say, and made again to the same bits."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simfp.course.authoring import record_recipes
from simfp.experiments.training import recipe_runs
from simfp.experiments.training.recipe_runs import COMPARED, EVERY, SEEDS, SITUATIONS
from simfp.silicon import recordings

RECORDING = recordings.load("recipe_runs")
ROWS: dict[tuple[str, str, int], dict[str, Any]] = {
    (row["situation"], row["recipe"], row["seed"]): row for row in RECORDING["runs"]
}


def test_every_situation_recipe_and_seed_was_recorded_once() -> None:
    wanted = {(situation, recipe, seed) for situation in SITUATIONS for recipe in COMPARED for seed in SEEDS}
    assert len(RECORDING["runs"]) == len(ROWS) == 90
    assert set(ROWS) == wanted


def test_it_tells_its_settings_which_are_those_of_today_and_where_it_comes_from() -> None:
    settings = {name: {"what": each.what, **each.settings} for name, each in SITUATIONS.items()}
    assert RECORDING["settings"] == json.loads(json.dumps(settings))
    assert RECORDING["every"] == EVERY
    assert RECORDING["provenance"]["script"] == "python -m simfp.course.record_recipes"
    assert "simulated by simfp" in RECORDING["provenance"]["device"]
    for (situation, _, _), row in ROWS.items():
        assert len(row["losses"]) * EVERY == SITUATIONS[situation].settings["steps"]


@pytest.mark.parametrize("recipe", COMPARED)
def test_the_first_steps_of_every_recipe_come_out_the_same_again(recipe: str) -> None:
    for situation in SITUATIONS:
        training = recipe_runs.start(situation, recipe, 3)
        losses = [training.step().loss for _ in range(2 * EVERY)]
        again = [float(np.mean(losses[first : first + EVERY])) for first in (0, EVERY)]
        assert again == ROWS[situation, recipe, 3]["losses"][:2]


@pytest.mark.long
def test_whole_runs_come_out_the_same_again_to_the_last_weight() -> None:
    for situation, recipe in (("usual", "fp16"), ("small gradients", "bf16")):
        assert recipe_runs.run(situation, recipe, 4) == ROWS[situation, recipe, 4]


def test_a_power_of_two_on_the_loss_changes_no_bit_where_nothing_is_lost() -> None:
    same = {"fp32": "fp32", "bf16": "bf16", "pure bf16": "pure bf16", "fp16 + scaler": "fp16"}
    for small, usual in same.items():
        for seed in SEEDS:
            assert ROWS["small gradients", small, seed]["weights"] == ROWS["usual", usual, seed]["weights"]
    assert ROWS["small gradients", "fp16", 0]["weights"] != ROWS["usual", "fp16", 0]["weights"]


def test_an_unknown_situation_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown situation 'other'; expected one of 'usual', 'small gradients'"):
        recipe_runs.start("other", "fp32", 0)


def test_the_command_writes_what_can_be_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = {"task": "mlp", "steps": 10, "batch": 4, "options": {"lr": 0.1}}
    monkeypatch.setattr(record_recipes, "SITUATIONS", {"quick": recipe_runs.Situation("quick", quick)})
    monkeypatch.setattr(recipe_runs, "SITUATIONS", {"quick": recipe_runs.Situation("quick", quick)})
    monkeypatch.setattr(recipe_runs, "SEEDS", range(1))
    monkeypatch.setattr(record_recipes, "SEEDS", range(1))
    monkeypatch.setattr("simfp.lessons_folder.lessons", lambda: tmp_path)
    (tmp_path / "recordings").mkdir()
    assert record_recipes.main() == 0
    assert "6 of 6: quick, pure bf16, seed 0: " in capsys.readouterr().out
    assert [file.name for file in (tmp_path / "recordings").iterdir()] == ["recipe_runs.json"]
    made = recordings.load("recipe_runs")
    assert [row["recipe"] for row in made["runs"]] == list(COMPARED)
    monkeypatch.setattr("simfp.lessons_folder.lessons", lambda: None)
    assert record_recipes.main() == 1
