"""Curves that were recorded: a file of Parquet for each family and data set, a line a trial.

A table is made of searches whose trials all trained to their ends, such as

python -m search run --study mlp --home HOME --images 12000 --trials 400 --epochs 27 --pruner none --sampler random
python -m benchmarks.replay.tables HOME benchmarks/replay/tables/mlp-fashion-mnist-12000.parquet mlp [STUDY ...]
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import models
from benchmarks.replay.simulated import Noise, noise
from models import space as shared
from models.family import Choice, Suggest
from search.analysis import predictions
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.sources import Sources, Traits
from search.problem import beginnings
from search.problem.scale import Array
from search.problem.settings import Place
from search.store import results, storage

HERE = Path(__file__).with_name("tables")
ACCURACY, SECONDS = "val_accuracy", "seconds"
TREES = 60
# In which the best is sought around the best.
ROUNDS = 8


@dataclass(frozen=True)
class Recorded:
    """The trials of one family on one data set, and what trees learn of them of other configurations.

    By the curve of what is nearest alone, most of a space would be flat, and its best place a single lucky trial.
    """

    name: str
    trials: pd.DataFrame

    @property
    def family(self) -> str:
        """The family, by which the name begins."""
        return self.name.partition("-")[0]

    @property
    def epochs(self) -> int:
        """For how many epochs each has trained."""
        return max(map(len, self.trials[ACCURACY]))

    def suggest(self, trial: Suggest) -> object:
        """Ask for a configuration."""
        return models.family(self.family).suggest(trial)

    def curve(self, parameters: Mapping[str, Choice]) -> Array:
        """Return percent after each epoch. Of one that ended early nothing more is known than how that ended."""
        return self._told(self._space.point(parameters)[None])[0]

    def _told(self, points: Array) -> Array:
        """Return the curves of rows. (n, epochs)."""
        features = _features(self._space, points)
        return np.asarray(np.mean([tree.predict(features) for tree in self._trees.estimators_], axis=0))

    @cached_property
    def _space(self) -> Coordinates:
        return Coordinates(models.family(self.family).suggest, shared.belief)

    @cached_property
    def _trees(self) -> Any:
        from sklearn.ensemble import ExtraTreesRegressor

        rows = [self._space.point(_parameters(trial)) for _, trial in self.trials.iterrows()]
        percent = [100.0 * np.asarray(curve, float) for curve in self.trials[ACCURACY]]
        curves = np.array([np.pad(curve, (0, self.epochs - len(curve)), mode="edge") for curve in percent])
        trees = ExtraTreesRegressor(TREES, min_samples_leaf=2, max_features=0.6, random_state=0)
        return trees.fit(_features(self._space, np.array(rows)), curves)

    @cached_property
    def known_best(self) -> float:
        """The best percent that was recorded, or is told of others around the best."""
        rng, sources = np.random.default_rng(0), Sources(self._space, Traits(narrow=0.1, wide=0.3))
        points = np.array([self._space.point(_parameters(trial)) for _, trial in self.trials.iterrows()])
        for _ in range(ROUNDS):
            order = np.argsort(-self._told(points)[:, -1])[:10]
            points = np.concatenate([points[order], sources.children(points[order], True, 300, rng)])
        return float(self._told(points)[:, -1].max())

    def parameters(self, place: int) -> dict[str, Choice]:
        """Return the configuration of a trial."""
        return _parameters(self.trials.iloc[place])

    @property
    def finals(self) -> Array:
        """Percent at the end of each trial. (n,)."""
        return np.array([100.0 * curve[-1] for curve in self.trials[ACCURACY]])


def _features(space: Coordinates, points: Array) -> NDArray[np.float32]:
    """Return what trees are told: numbers, the same from where they are believed to lie, a column a choice."""
    columns = []
    for column, scale in enumerate(space.scales):
        places = points[:, column]
        if scale.choices:
            # NaN equals nothing.
            columns += [places == index for index in range(len(scale.choices))]
        else:
            columns.append(np.where(np.isnan(places), -1.0, places))
    for column in space.relative:
        apart = points[:, column] - space.center(column, points)
        columns.append(np.where(np.isnan(apart), -2.0, apart))
    return np.column_stack(columns).astype(np.float32)


def _parameters(trial: "pd.Series[Any]") -> dict[str, Choice]:
    """Return what the trial was asked for: what it was not is missing."""
    found = {}
    for name, value in trial.items():
        if str(name) in (ACCURACY, SECONDS) or value is None or value is pd.NA or value != value:
            continue
        assert isinstance(value, str | int | float | bool | np.generic)
        found[str(name)] = value.item() if isinstance(value, np.generic) else value
    return found


@dataclass(frozen=True)
class Tables:
    """Every table of a folder."""

    folder: Path = HERE

    @property
    def halves(self) -> Mapping[str, Sequence[str]]:
        """What they are called; they are too few to be divided."""
        names = sorted(file.stem for file in self.folder.glob("*.parquet"))
        return {"tuning": names, "held-out": names}

    def task(self, name: str) -> Recorded:
        """Return a table."""
        return _read(self.folder / f"{name}.parquet")

    def best(self, name: str) -> float:
        """Return the best percent that is known."""
        return self.task(name).known_best

    def starts(self, name: str, kind: str) -> Sequence[Mapping[str, Choice]]:
        """Return what a search of the family begins with, or one at the 70th percentile."""
        table = self.task(name)
        if kind == "good":
            return [start.parameters for start in beginnings.of(table.family)]
        order = np.argsort(-table.finals)
        return [table.parameters(int(order[int(0.7 * len(order))]))] if kind == "bad" else []

    def noise(self, name: str, seed: int) -> Noise:
        """Return what is seen beside what trees tell."""
        return noise(self.task(name).epochs, seed)


@cache
def _read(file: Path) -> Recorded:
    return Recorded(file.stem, pd.read_parquet(file))


def record(home: Path, studies: Sequence[str]) -> pd.DataFrame:
    """Return the complete trials of studies with the curves that stand in their runs, to four digits."""
    place, rows = Place.at(home, None, None), []
    with storage.reading(place.storage) as store, predictions.opened(place) as tracker:
        for study in studies:
            _, trials = results.everything(storage.load(store, study))
            for trial in trials:
                if trial.state != "COMPLETE":
                    continue
                curves = {
                    name: np.array([float(f"{value:.4g}") for _, value in tracker.values(trial.run, name)], np.float32)
                    for name in (ACCURACY, SECONDS)
                }
                rows.append({**trial.parameters, **curves})
    frame = pd.DataFrame(rows)
    for name in frame:
        # What depends on others is missing in some, and whole numbers stay whole.
        if all(type(row[name]) is int for row in rows if name in row):
            frame[name] = frame[name].astype("Int64")
    return frame


def main() -> None:
    """Make a table of the studies of a home."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("studies", nargs="+")
    given = parser.parse_args()
    found = record(given.home, given.studies)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    found.to_parquet(given.out, index=False, compression="zstd")
    print(f"{given.out}: {len(found)} trials, {given.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
