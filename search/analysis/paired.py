"""Two trials judged on the same images: which is better, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from models.data.images import listed
from search.system.errors import UsageError

# Below this chance of as large a lead between equally good networks, it is said to be one.
SIGNIFICANCE = 0.05


@dataclass(frozen=True, eq=False)
class Judged:
    """What a trial's network said of the images of one split: true and predicted classes and confidence, (n,) each."""

    name: str
    class_names: Sequence[str]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    confidence: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images were given their class, (n,)."""
        return np.equal(self.labels, self.predictions)

    def same_images(self, other: "Judged") -> bool:
        """Whether the other was asked about the same images, as far as their classes tell."""
        return tuple(self.class_names) == tuple(other.class_names) and np.array_equal(self.labels, other.labels)


@dataclass(frozen=True)
class Paired:
    """How often two networks were right about the same images."""

    both: int
    first_only: int
    second_only: int
    neither: int

    @property
    def images(self) -> int:
        """How many were judged."""
        return self.both + self.first_only + self.second_only + self.neither

    @property
    def difference(self) -> float:
        """Share of images about which the second was right, minus that of the first."""
        return (self.second_only - self.first_only) / max(self.images, 1)

    @property
    def standard_error(self) -> float:
        """Of the difference: images on which both agree have no part in it (Agresti 2013, eq. 11.2)."""
        if not self.images:
            return 0.0
        apart = (self.first_only + self.second_only) / self.images
        return sqrt(max(apart - self.difference**2, 0.0) / self.images)

    @property
    def p_value(self) -> float:
        """Chance that equally good networks are as far apart as this (McNemar 1947, in its exact form)."""
        fewer, more = sorted((self.first_only, self.second_only))
        return min(1.0, 2 * float(bdtr(fewer, fewer + more, 0.5)))


@dataclass(frozen=True)
class Pairing:
    """Two trials beside each other: over all images, and over those of each class."""

    first: str
    second: str
    overall: Paired
    classes: dict[str, Paired]

    @property
    def clear(self) -> dict[str, Paired]:
        """Classes in which the two differ by more than chance, with all classes asked at once (Holm 1979)."""
        ordered = sorted(self.classes, key=lambda name: self.classes[name].p_value)
        found = {}
        for place, name in enumerate(ordered):
            if self.classes[name].p_value * (len(ordered) - place) >= SIGNIFICANCE:
                break
            found[name] = self.classes[name]
        return found

    def sentences(self) -> str:
        """Say in words which is better, by how much, whether that is more than chance, and in which classes."""
        return " ".join(filter(None, (self._lead(), self._by_class())))

    def _lead(self) -> str:
        pair = self.overall
        points = f"{100 * abs(pair.difference):.2f} ± {100 * pair.standard_error:.2f} points"
        better, worse = (self.second, self.first) if pair.difference >= 0 else (self.first, self.second)
        if pair.p_value >= SIGNIFICANCE:
            return (
                f"{self.first} and {self.second} are within noise of each other: {points} on {pair.images:,} images "
                f"(McNemar, {_chance(pair.p_value)})."
            )
        return (
            f"{better} is better than {worse} by {points} on {pair.images:,} images, more than noise (McNemar, "
            f"{_chance(pair.p_value)})."
        )

    def _by_class(self) -> str:
        clear = sorted(self.clear.items(), key=lambda item: -abs(item[1].difference))
        if not clear:
            return "In no single class is the difference more than noise."
        gained = [(name, pair) for name, pair in clear if pair.difference > 0]
        lost = [(name, pair) for name, pair in clear if pair.difference < 0]
        changes = [f"{verb} {_listed(changed)}" for verb, changed in (("gains", gained), ("loses", lost)) if changed]
        rest = "; the others are within noise" if len(clear) < len(self.classes) else ""
        return f"By class, {self.second} {', and '.join(changes)}{rest}."


def pair(first: Judged, second: Judged) -> Pairing:
    """Return the two beside each other. Raises `UsageError` where they were not judged on the same images."""
    if not first.same_images(second):
        raise UsageError(
            f"{first.name} and {second.name} were not judged on the same images: {len(first.labels):,} of "
            f"{listed(first.class_names)}, and {len(second.labels):,} of {listed(second.class_names)}; compare "
            "trials of studies with the same --data and --images"
        )
    everything = np.ones(len(first.labels), dtype=bool)
    classes = {name: first.labels == number for number, name in enumerate(first.class_names)}
    return Pairing(
        first.name,
        second.name,
        _paired(first, second, everything),
        {name: _paired(first, second, chosen) for name, chosen in classes.items() if chosen.any()},
    )


def _paired(first: Judged, second: Judged, chosen: NDArray[np.bool_]) -> Paired:
    one, other = first.right[chosen], second.right[chosen]
    return Paired(
        both=int((one & other).sum()),
        first_only=int((one & ~other).sum()),
        second_only=int((~one & other).sum()),
        neither=int((~one & ~other).sum()),
    )


def _listed(changed: Sequence[tuple[str, Paired]]) -> str:
    """Say by how many points the recall of each class changed."""
    words = [f"{100 * abs(pair.difference):.1f} on {name}" for name, pair in changed]
    words[0] = words[0].replace(" on ", " points of recall on ", 1)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _chance(p_value: float) -> str:
    return f"p = {p_value:.2g}" if p_value >= 1e-4 else "p below 0.0001"
