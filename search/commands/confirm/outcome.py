"""What became of finalists, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any

from scipy.stats import norm

from search.analysis.ranking import CONFIDENCE, Lead, Scored, Standings
from search.commands.confirm.finalists import Finalist
from search.output import confirmed_table
from search.output.tables import TableFormat, as_json, sheets
from search.problem.baselines import Baseline
from search.registry.promotion import Standing


@dataclass(frozen=True, eq=False)
class Confirmed:
    """What became of a study's finalists. `given_up` says why of those that were not trained with every seed.

    `runs` are the winner's, by seed; the first holds its model. `row` is a report's best, where it can stand beside the
    winner, and `digest` that of the images.
    """

    study: str
    caveat: str
    finalists: Mapping[str, Finalist]
    standings: Standings
    given_up: Mapping[str, str]
    runs: tuple[str, ...]
    row: Baseline | None
    digest: str
    standing: Standing | None = None

    @property
    def winner(self) -> Scored:
        """The best of those trained with every seed."""
        return self.standings.first

    @property
    def leads(self) -> list[Lead]:
        """The winner against each of the others, best first."""
        return [self.standings.lead(self.winner, one) for one in self.standings.ranked[1:]]

    @property
    def against_report(self) -> tuple[float, float] | None:
        """The winner's mean minus the report's figure, and the margin of that; None without such a figure."""
        if self.row is None or "test_accuracy" not in self.row.reported:
            return None
        reported, images = self.row.reported["test_accuracy"], self.winner.right.shape[1]
        theirs = sqrt(reported * (1 - reported) / images) * float(norm.ppf(0.5 + CONFIDENCE / 2))
        return self.winner.mean - reported, hypot(self.standings.margin(self.winner), theirs)

    def sentences(self) -> list[str]:
        """Say who is first, whether that is more than noise, and how far a report's figure is."""
        said = [self._first()]
        if self.against_report and self.row:
            points, margin = self.against_report
            verdict = "more than noise" if abs(points) > margin else "within noise"
            said.append(
                f"against the report's {self.row.reported['test_accuracy']:.4f} ({self.row.name}): "
                f"{100 * points:+.2f} ± {100 * margin:.2f} points, {verdict}"
            )
        return said + [f"{name} is out: it {why}" for name, why in self._unfit.items()]

    def _first(self) -> str:
        """Say in one sentence what may be said of the first: it is not the best where noise may have put it there."""
        winner = self.winner
        measured = f"test_accuracy {winner.mean:.4f} ± {self.standings.margin(winner):.4f}"
        if not self.leads:
            return f"{winner.name} comes to {measured}"
        near = [f"{lead.second} ({_points(lead)})" for lead in self.leads if not (lead.clear and lead.difference > 0)]
        if near:
            return f"{winner.name} is ahead of {', '.join(near)} by no more than noise: {measured}"
        second = self.leads[0]
        return f"{winner.name} is the best, by more than noise: {measured}, {_points(second)} ahead of {second.second}"

    @property
    def registered(self) -> str:
        """Say under which name the winner is found, and whether it is the champion."""
        return self.standing.sentence if self.standing else "the tracker has not taken the winner yet: confirm it again"

    def data(self) -> dict[str, Any]:
        """Return it for programs, and for the study to remember."""
        return {
            "study": self.study,
            "caveat": self.caveat,
            "winner": self.winner.name,
            "run": self.runs[0] if self.runs else "",
            "model": self.standing.version.address if self.standing else "",
            "champion": self.standing.champion if self.standing else False,
            "finalists": [
                {
                    "name": one.name,
                    "seeds": one.seeds,
                    "test_accuracy": one.mean,
                    "margin": self.standings.margin(one),
                    "by_seed": one.by_seed.tolist(),
                    "given_up": self.given_up.get(one.name, ""),
                    "what": self.finalists[one.name].label,
                    **self._against_winner(one),
                }
                for one in self.standings.ranked
            ],
            "unfit": self._unfit,
            "sentences": self.sentences(),
        }

    def _against_winner(self, one: Scored) -> dict[str, Any]:
        """Return how far a finalist is from the winner; nothing of the winner itself."""
        if one is self.winner:
            return {"difference": None, "difference_margin": None, "clear": None}
        lead = self.standings.lead(self.winner, one)
        return {"difference": -lead.difference, "difference_margin": lead.margin, "clear": lead.clear}

    @property
    def _unfit(self) -> dict[str, str]:
        """Those that could not be trained, and why."""
        ranked = {one.name for one in self.standings.ranked}
        return {name: why for name, why in self.given_up.items() if name not in ranked}


def _points(lead: Lead) -> str:
    return f"{100 * lead.difference:.2f} ± {100 * lead.margin:.2f} points"


def printed(found: Sequence[Confirmed], output: TableFormat) -> None:
    """Print how finalists stand, study by study, and then the winners against each other."""
    if output == "json":
        as_json([confirmed.data() for confirmed in found])
        return
    notes = [f"{sentence}." for confirmed in found for sentence in (*confirmed.sentences(), confirmed.registered)]
    for group in _by_images(found):
        first, *others = sorted((confirmed.winner for confirmed in group), key=lambda one: -one.mean)
        standings = Standings([first, *others])
        notes += [f"{standings.lead(first, other).sentence}." for other in others]
    sheets(
        [confirmed_table.table(confirmed.data()) for confirmed in found],
        [*notes, *_apart(found), confirmed_table.INTERVALS],
        output,
    )


def _by_images(found: Sequence[Confirmed]) -> list[list[Confirmed]]:
    digests = dict.fromkeys(confirmed.digest for confirmed in found)
    return [[confirmed for confirmed in found if confirmed.digest == digest] for digest in digests]


def _apart(found: Sequence[Confirmed]) -> list[str]:
    """Say who is not compared; nothing where all were searched on the same images."""
    groups = [" and ".join(confirmed.study for confirmed in group) for group in _by_images(found)]
    return [f"Not compared, since their images are others: {'; '.join(groups)}."] if len(groups) > 1 else []
