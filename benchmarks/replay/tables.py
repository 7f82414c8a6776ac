"""Curves that were recorded: a file of Parquet for each family and data set, a line a trial.

A table is made of searches whose trials all trained to their ends, such as

python -m search run --study mlp --home HOME --images 12000 --trials 400 --epochs 27 --pruner none --sampler random
python -m benchmarks.replay.tables HOME benchmarks/replay/tables/mlp-fashion-mnist-12000.parquet mlp [STUDY ...]
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import models
from benchmarks.replay.simulated import Noise
from models import space as shared
from models.family import Choice, Suggest
from search.analysis import predictions
from search.policies.ensemble.coordinates import Coordinates
from search.problem import beginnings, space
from search.problem.scale import Array
from search.problem.settings import Place
from search.store import results, storage

HERE = Path(__file__).with_name("tables")
ACCURACY, SECONDS = "val_accuracy", "seconds"


@dataclass(frozen=True)
class Recorded:
    """The trials of one family on one data set; a configuration has the curve of that which is nearest to it."""

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
        asked = self._space.features(self._space.point(parameters)[None])
        nearest = int(np.abs(self._features - asked).sum(axis=1).argmin())
        return self._curves[nearest]

    @cached_property
    def _space(self) -> Coordinates:
        family = models.family(self.family)
        return Coordinates(partial(space.ask, family), space.of(family), shared.belief)

    @cached_property
    def _features(self) -> NDArray[np.float32]:
        rows = [self._space.point(_parameters(trial)) for _, trial in self.trials.iterrows()]
        return self._space.features(np.array(rows))

    @cached_property
    def _curves(self) -> Array:
        percent = [100.0 * np.asarray(curve, float) for curve in self.trials[ACCURACY]]
        return np.array([np.pad(curve, (0, self.epochs - len(curve)), mode="edge") for curve in percent])

    @cached_property
    def finals(self) -> Array:
        """Percent at the end of each trial. (n,)."""
        return self._curves[:, -1]

    def parameters(self, place: int) -> dict[str, Choice]:
        """Return the configuration of a trial."""
        return _parameters(self.trials.iloc[place])


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
    def names(self) -> Sequence[str]:
        """What they are called."""
        return sorted(file.stem for file in self.folder.glob("*.parquet"))

    def task(self, name: str) -> Recorded:
        """Return a table."""
        return _read(self.folder / f"{name}.parquet")

    def best(self, name: str) -> float:
        """Return the best percent that was recorded."""
        return float(self.task(name).finals.max())

    def starts(self, name: str, kind: str) -> Sequence[Mapping[str, Choice]]:
        """Return what a search of the family begins with, or one at the 70th percentile."""
        table = self.task(name)
        if kind == "good":
            return [start.parameters for start in beginnings.of(table.family)]
        order = np.argsort(-table.finals)
        return [table.parameters(int(order[int(0.7 * len(order))]))] if kind == "bad" else []

    def noise(self, name: str, seed: int) -> Noise:
        """Return none: what was recorded has its own."""
        return lambda _: np.zeros(self.task(name).epochs)


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
