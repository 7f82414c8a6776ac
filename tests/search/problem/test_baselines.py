"""What the reports printed, as data: complete, inside the spaces, and of the sizes that the reports have."""

from collections import Counter

import optuna
import pytest

import models
from models.data.images import Shape
from search.problem import baselines, space
from search.problem.baselines import Baseline

FASHION = Shape(28, 28, 1, 10)
EVERYTHING = baselines.everything()


def test_every_row_of_both_reports_is_there() -> None:
    assert Counter(row.family for row in EVERYTHING) == {"mlp": 21, "cnn": 2, "resnet50": 1, "lenet5": 6, "siamese": 1}
    assert len({row.name for row in EVERYTHING}) == len(EVERYTHING)


@pytest.mark.parametrize("row", EVERYTHING, ids=lambda row: row.name)
def test_a_row_lies_inside_the_space_of_its_family(row: Baseline) -> None:
    # Warnings are errors in these tests: Optuna takes a value outside of the space with only a warning.
    trial = optuna.trial.FixedTrial(dict(row.parameters))
    models.family(row.family).suggest(trial)
    assert trial.params == row.parameters, "a key that nobody asks for would be dropped without a word"


@pytest.mark.parametrize("name", models.names())
def test_a_row_says_nothing_that_the_space_does_not_know(name: str) -> None:
    assert all(set(row.parameters) <= set(space.of(models.family(name).suggest)) for row in baselines.of(name))


@pytest.mark.parametrize(
    ("row", "parameters"),
    [
        ("garments-2024/B4/2", 244_522),
        ("garments-2024/B4/21", 138_506),
        ("garments-2024/B4/22", 370_954),
        # The report's 2,036,490 "or thereabouts" are the trained ones; batch normalisation keeps 768 more.
        ("garments-2023/A1/text-0.0001", 2_036_490),
        ("garments-2023/A2/text", 242_112),
        ("garments-2024/B4/23", 527_114),
    ],
)
@pytest.mark.usefixtures("tensorflow")
def test_a_row_builds_the_network_of_its_report(row: str, parameters: int) -> None:
    baseline = next(found for found in EVERYTHING if found.name == row)
    family = models.family(baseline.family).suggest(optuna.trial.FixedTrial(dict(baseline.parameters)))
    network = family.build(FASHION, seed=0)
    assert sum(int(variable.value.shape.num_elements()) for variable in network.trainable_variables) == parameters


@pytest.mark.parametrize("name", models.names())
def test_each_family_has_one_best_row_by_which_it_is_judged(name: str) -> None:
    best = [row for row in baselines.of(name) if row.is_best]
    assert len(best) == 1
    assert best[0] == baselines.best(name)
    assert best[0].headline[1] == max(row.headline[1] for row in baselines.of(name))


def test_the_printed_figures_are_those_of_the_report() -> None:
    rows = {row.name: row for row in EVERYTHING}
    assert rows["garments-2024/B4/20"].headline == ("test_accuracy", 0.8985)
    assert rows["garments-2024/B4/15"].patience == 5
    assert rows["garments-2024/B4/15"].parameters["l1"] == 0.01
    assert rows["garments-2023/A1/text-0.0001"].reported["test_f1.Shirt"] == 0.74
    assert sum(row.reported.get("seconds", 0) for row in EVERYTHING) == pytest.approx(4244, abs=1)


def test_a_family_that_no_report_knows_has_no_baselines() -> None:
    assert baselines.of("transformer") == ()
    assert baselines.best("transformer") is None
