"""What a study takes from others: read once, and kept with it, so that it goes on alike whatever becomes of them."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from search.problem.learnt import FEWEST, MOST, Known, Learnt
from search.store import storage
from search.store.attributes import LEARNT
from search.system.errors import UsageError

if TYPE_CHECKING:
    from search.problem.settings import Settings


def learnt(store: RDBStorage | None, settings: "Settings") -> Learnt:
    """Return what the study of these settings has learnt from others, or is to learn from them now.

    Raises `UsageError` where one of those is not there, or has nothing to teach.
    """
    known = storage.attributes(store, settings.study).get(LEARNT) if store and settings.like else None
    if known is not None:
        return Learnt.of(known)
    names = dict.fromkeys(name.strip() for name in (settings.like or "").split(",") if name.strip())
    if not names:
        return Learnt()
    if store is None:
        raise UsageError(f"--like {settings.like}: there is no study yet in {settings.home}; leave it out")
    if settings.study in names:
        raise UsageError(f"--like {settings.like}: a study cannot be like itself; name others")
    return Learnt({name: _best(store, name) for name in names})


def _best(store: RDBStorage, name: str) -> Sequence[Known]:
    study = storage.load(store, name)
    complete = [one for one in study.get_trials(deepcopy=False) if one.state == TrialState.COMPLETE and one.values]
    if not complete:
        raise UsageError(f"--like {name}: none of its trials is complete, so that nothing can be learnt from it")
    sign = -1.0 if study.directions[0] == StudyDirection.MAXIMIZE else 1.0
    ranked = sorted(complete, key=lambda trial: (sign * trial.values[0], trial.number))
    count = min(max(FEWEST, ceil(len(ranked) / 4)), MOST)
    return [Known(f"{name}/{trial.number}", trial.values[0], trial.params) for trial in ranked[:count]]
