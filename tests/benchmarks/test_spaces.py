"""Every peer draws inside the family's own space."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import models
from benchmarks.drawn import Drawn
from benchmarks.peers.keras_tuner_space import FromKerasTuner
from models.family import Choice
from search.problem import space
from search.workers.worker import Given

FAMILIES = ("mlp", "cnn", "lenet5")


class Noted(FromKerasTuner):
    """Notes what KerasTuner answered."""

    @property
    def values(self) -> dict[str, Choice]:
        return self.__dict__.setdefault("noted", {})

    def suggest_float(self, name: str, *arguments: Any, **options: Any) -> float:
        return self.values.setdefault(name, super().suggest_float(name, *arguments, **options))

    def suggest_int(self, name: str, *arguments: Any, **options: Any) -> int:
        return self.values.setdefault(name, super().suggest_int(name, *arguments, **options))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.values.setdefault(name, super().suggest_categorical(name, choices))


def outside(family: str, values: dict[str, Choice]) -> list[str]:
    known = space.of(models.family(family).suggest)
    return [
        f"{name}={value!r}"
        for name, value in values.items()
        if not known[name]._contains(known[name].to_internal_repr(value))
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_drawn_lies_in_the_space_and_what_is_fixed_is_kept(family: str) -> None:
    for seed in range(20):
        trial = Drawn(np.random.default_rng(seed), {"depth": 2})
        models.family(family).suggest(trial)
        assert outside(family, trial.parameters) == []
        assert trial.parameters["depth"] == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_keras_tuner_draws_in_the_space(family: str) -> None:
    keras_tuner = pytest.importorskip("keras_tuner", reason="KerasTuner is in the extra `bench`")
    declared = keras_tuner.HyperParameters()
    models.family(family).suggest(FromKerasTuner(declared))
    for seed in range(20):
        drawn = keras_tuner.HyperParameters()
        drawn.values = {known.name: known.random_sample(seed) for known in declared.space}
        noted = Noted(drawn)
        models.family(family).suggest(noted)
        assert outside(family, noted.values) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_ray_draws_in_the_space_and_all_of_it(family: str) -> None:
    pytest.importorskip("ray.tune", reason="Ray is in the extra `bench`")
    from benchmarks.peers.ray_space import for_ray

    domains = for_ray(models.family(family))
    assert set(domains) == set(space.of(models.family(family).suggest))
    for _ in range(20):
        drawn = {name: domain.sample() for name, domain in domains.items()}
        # Ray's steps end up beside the multiples by a rounding error.
        values = {name: round(value, 15) if name.endswith("dropout") else value for name, value in drawn.items()}
        assert outside(family, values) == []
        models.family(family).suggest(Given(values))
