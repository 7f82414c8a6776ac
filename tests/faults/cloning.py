"""`light.py`, broken on purpose: what is interrupted fails, and is begun anew as another trial, as elsewhere.

The checks that the search passes have to fail on this.
"""

from tests.faults import light  # noqa: F401  # makes the family findable

if __name__ == "__main__":
    import optuna
    from optuna.trial import TrialState

    from search.cli import main
    from search.driver.attempt import Attempt
    from search.driver.driver import Driver
    from search.driver.trials import Trials
    from search.store.study import Study

    def clone(study: Study, number: int) -> None:
        study._study.tell(number, state=TrialState.FAIL)
        study._study.enqueue_trial(study.trials()[number].params)

    def interrupted(study: Study) -> list[optuna.Trial]:
        for trial in study.trials([TrialState.RUNNING]):
            clone(study, trial.number)
        return []

    def restart(driver: Driver[Attempt], current: Attempt, reason: str) -> None:
        trials = driver._trainings
        assert isinstance(trials, Trials)
        clone(trials._study, current.trial.number)
        del driver._open[current.number], trials.begun[current.number]
        trials._finished += 1

    Study.interrupted = interrupted  # type: ignore[method-assign]  # broken on purpose
    Driver._restart = restart  # type: ignore[method-assign]  # broken on purpose
    main()
