"""Where configurations come from: a belief, what a search began with, its leaders, what good trials have in common."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.belief import Around, Mostly
from search.policies.ensemble.coordinates import Coordinates, Mask
from search.problem.scale import Array

# What one column is given, knowing those before it: (n,) places.
Fill = Callable[[int, Array], Array]


@dataclass(frozen=True)
class Traits:
    """How far draws go; found by replay, see docs/searching.md."""

    # Of draws by belief, those of the whole range: of the configuration, and of a single hyperparameter.
    uniform: float = 0.1
    stray: float = 0.05
    # Standard deviations of a mutation, on the unit scale: between these, even on a logarithmic scale.
    narrow: float = 0.03
    wide: float = 0.3
    # Of mutations of a number, those that go anywhere: where a belief is wrong, all leaders are far from what is good.
    far: float = 0.2
    # Probability that a further hyperparameter changes, with one of these.
    changes: tuple[float, ...] = (0.0, 0.0, 0.15)
    crossed: float = 0.6
    leaders: int = 15


class Sources:
    """Draws rows of a space. All are drawn at once, column by column."""

    def __init__(self, coordinates: Coordinates, traits: Traits) -> None:
        self._space, self._traits = coordinates, traits
        structure = set(coordinates.structure)
        self._order = [*coordinates.structure, *(c for c in range(len(coordinates.names)) if c not in structure)]

    def _filled(self, count: int, fill: Fill) -> Array:
        """Return rows, each column filled knowing those before it, and what is not asked for left out."""
        points = np.full((count, len(self._space.names)), np.nan)
        structure = len(self._space.structure)
        active: Mask | None = None
        for place, column in enumerate(self._order):
            if place == structure:
                active = self._space.active(points)
            fixed = self._space.fixed.get(column)
            points[:, column] = self._space.scales[column].snapped(fill(column, points)) if fixed is None else fixed
            if active is not None:
                points[~active[:, column], column] = np.nan
        if active is None:
            active = self._space.active(points)
        points[~active] = np.nan
        return points

    def uniform(self, count: int, rng: np.random.Generator) -> Array:
        """Draw evenly from the ranges."""
        return self._filled(count, lambda column, _: self._even(column, count, rng))

    def _even(self, column: int, count: int, rng: np.random.Generator) -> Array:
        scale = self._space.scales[column]
        return rng.integers(len(scale.choices), size=count).astype(float) if scale.choices else rng.random(count)

    def believed(self, count: int, rng: np.random.Generator) -> Array:
        """Draw where good values are believed to lie, and now and then from anywhere."""
        anywhere = rng.random(count) < self._traits.uniform

        def fill(column: int, points: Array) -> Array:
            stray = anywhere | (rng.random(count) < self._traits.stray)
            return np.where(stray, self._even(column, count, rng), self._believed(column, points, rng))

        return self._filled(count, fill)

    def _believed(self, column: int, points: Array, rng: np.random.Generator) -> Array:
        belief, count = self._space.beliefs[column], len(points)
        if isinstance(belief, Mostly):
            choices = self._space.scales[column].choices
            weights = np.array([float(belief.weights.get(choice, 1.0)) for choice in choices])
            return rng.choice(len(choices), size=count, p=weights / weights.sum()).astype(float)
        if isinstance(belief, Around):
            center = self._space.center(column, points)
            drawn = reflected(center + belief.spread * rng.standard_normal(count))
            return np.where(np.isnan(center), rng.random(count), drawn)
        return self._even(column, count, rng)

    def children(
        self, parents: Array, ranks: bool, count: int, rng: np.random.Generator, *, least: float = 0.0
    ) -> Array:
        """Draw from around parents, by `ranks` the first of them more often, crossed with each other.

        `least` is the smallest standard deviation, and half again the smallest share of what changes.
        """
        traits = self._traits
        if ranks:
            places = np.minimum(rng.exponential(1.5, count).astype(int), len(parents) - 1)
        else:
            places = rng.integers(len(parents), size=count)
        first = parents[places]
        crossed = (rng.random(count) < traits.crossed) & (len(parents) > 1) & ranks
        second = np.where(crossed[:, None], parents[rng.integers(len(parents), size=count)], first)
        width = np.exp(rng.uniform(np.log(traits.narrow), np.log(traits.wide), count))
        width = np.maximum(width, least)
        share = np.maximum(np.array(traits.changes)[rng.integers(len(traits.changes), size=count)], 1.5 * least)
        change = rng.random((count, len(self._space.names))) < share[:, None]
        change[np.arange(count), self._one_each(first, rng)] = True
        taken = rng.random((count, len(self._space.names))) < 0.6
        centers = {
            column: (self._space.center(column, first), self._space.center(column, second))
            for column in self._space.relative
        }

        def fill(column: int, points: Array) -> Array:
            one, other = first[:, column], second[:, column]
            if column in centers:
                # What hangs on another goes with it.
                here = self._space.center(column, points)
                one, other = (
                    np.where(np.isnan(here + was), place, here + place - was)
                    for place, was in zip((one, other), centers[column], strict=True)
                )
            mine = np.where(taken[:, column], one, other)
            mine = np.where(np.isnan(mine), np.where(np.isnan(one), other, one), mine)
            mutated = self._mutated(column, mine, width, rng)
            found = np.where(change[:, column], mutated, np.clip(mine, 0, self._space.scales[column].last))
            unknown = np.isnan(mine)
            # Neither parent tells of it.
            return np.where(unknown, self._believed(column, points, rng), found) if unknown.any() else found

        return self._filled(count, fill)

    def _one_each(self, points: Array, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return a column of each row that is asked for, and not fixed. (n,)."""
        free = ~np.isnan(points)
        free[:, [*self._space.fixed]] = False
        return np.asarray(np.where(free, rng.random(points.shape), -1.0).argmax(axis=1))

    def _mutated(self, column: int, places: Array, width: Array, rng: np.random.Generator) -> Array:
        scale, count = self._space.scales[column], len(places)
        if not scale.choices:
            moved = np.clip(places + width * rng.standard_normal(count), 0.0, 1.0)
            moved = np.where(rng.random(count) < self._traits.far, rng.random(count), moved)
            if scale.whole and not scale.log:
                # A whole number is to change.
                step = 1.0 / max(scale.high - scale.low, 1.0)
                same = np.abs(scale.snapped(moved) - scale.snapped(np.nan_to_num(places))) < step / 2
                moved = np.where(same, reflected(places + np.where(rng.random(count) < 0.5, step, -step)), moved)
            return moved
        if len(scale.choices) == 1:
            return places
        other = rng.integers(len(scale.choices) - 1, size=count)
        return (other + (other >= places)).astype(float)

    def shared(self, good: Array, bad: Array, count: int, rng: np.random.Generator, tried: int = 6) -> Array:
        """Draw what good rows have more often than bad ones (tree of Parzen estimators; Bergstra et al. 2011)."""
        drawn = self._like(good, count * tried, rng)
        odds = self._density(good, drawn) - self._density(bad, drawn)
        odds = odds.reshape(count, tried)
        return np.asarray(drawn.reshape(count, tried, -1)[np.arange(count), odds.argmax(axis=1)])

    def _apart(self, column: int, points: Array) -> Array:
        places = points[:, column]
        return places - self._space.center(column, points) if column in self._space.relative else places

    def _like(self, good: Array, count: int, rng: np.random.Generator) -> Array:
        def fill(column: int, points: Array) -> Array:
            scale, known = self._space.scales[column], self._apart(column, good)
            known = known[~np.isnan(known)]
            prior = self._believed(column, points, rng)
            if not len(known):
                return prior
            from_prior = rng.random(count) < 1.0 / (1.0 + len(known))
            places = known[rng.integers(len(known), size=count)]
            if scale.choices:
                return np.where(from_prior, prior, places)
            places = places + bandwidth(known) * rng.standard_normal(count)
            if column in self._space.relative:
                places = places + self._space.center(column, points)
            return np.where(from_prior | np.isnan(places), prior, reflected(places))

        return self._filled(count, fill)

    def _density(self, known: Array, points: Array) -> Array:
        """Return the logarithm of how likely rows are, given those known, one column at a time. (n,)."""
        found = np.zeros(len(points))
        for column, scale in enumerate(self._space.scales):
            if column in self._space.fixed:
                continue
            theirs, ours = self._apart(column, known), self._apart(column, points)
            theirs = theirs[~np.isnan(theirs)]
            if scale.choices:
                weights = np.array([(theirs == index).sum() for index in range(len(scale.choices))]) + 1.0 / len(
                    scale.choices
                )
                likely = np.log(weights / weights.sum())
                found += np.where(np.isnan(ours), 0.0, likely[np.nan_to_num(ours).astype(int)])
                continue
            asked = np.flatnonzero(~np.isnan(ours))
            if not len(theirs) or not len(asked):
                continue
            width = bandwidth(theirs)
            apart = (ours[asked, None] / width).astype(np.float32) - (theirs / width).astype(np.float32)
            near = np.exp(-0.5 * apart * apart).sum(axis=1, dtype=float) / (width * 2.5066)
            found[asked] += np.log((near + 1.0) / (len(theirs) + 1.0))
        return found


def bandwidth(places: Array) -> float:
    """Return the width of a kernel by Scott's rule, not under a fiftieth of the range."""
    spread = float(places.std()) if len(places) > 1 else 0.3
    return max(1.06 * spread / float(len(places) ** 0.2), 0.02)


def reflected(places: Array) -> Array:
    """Return places within 0 and 1: what lies beyond an end is as far on this side of it."""
    folded = np.abs(np.mod(places, 2.0))
    return np.where(folded > 1.0, 2.0 - folded, folded)
