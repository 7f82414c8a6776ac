"""The search from Python, as in a notebook."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
import search
from models import metrics
from models.data import DataError, Images, load
from models.family import Choice
from search import Study
from search.analysis import predictions
from search.cli import call
from search.notebook import showing
from search.problem import space
from search.problem.option import settings_of
from search.problem.parts import Options
from search.problem.settings import Settings
from search.system import next_commands
from search.system.errors import SearchError, UsageError
from search.system.signals import Stopped
from tests.search import homes
from tests.support import make_split

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Study:
    home = tmp_path_factory.mktemp("дом")
    homes.search(home, bars, "mlp", ("complete", "complete", "complete", "infeasible", "failed"))
    return Study("mlp", home=home)


def test_those_who_check_types_see_all_that_run_takes() -> None:
    known, seen = settings_of(Settings), get_type_hints(Options)
    assert set(seen) == set(known)
    others = {name for name, kind in seen.items() if known[name].kind not in (kind, *get_args(kind))}
    assert others == {"fix"}, "which is a mapping in Python"


def test_python_needs_nothing_of_the_command_line() -> None:
    code = "import sys; from search import Study; assert not {'typer', 'search.cli'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trials", "many"),
        ("trials", "-1"),
        ("max_seconds_per_epoch", "nan"),
        ("baselines", "bst"),
        ("sampler", "genetic"),
        ("engine", "inlin"),
        ("workers", "0"),
        ("trial_timeout", "5"),
        ("fix", "depth"),
        ("family", "lenet"),
        ("weights", "no.h5"),
        ("data", "no.npz"),
    ],
)
def test_what_cannot_be_is_refused_in_the_same_words_as_on_the_command_line(
    name: str, value: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(["run", "mlp", "--home", str(tmp_path), f"--{name.replace('_', '-')}", value]) == 2
    said = capfd.readouterr().err.removeprefix("error: ").strip()
    with pytest.raises((UsageError, DataError)) as refused:
        Study("mlp", home=tmp_path).run(**{name: value})  # type: ignore[misc]  # any of them
    assert str(refused.value) == showing.in_python(said)


def test_arrays_are_not_written_where_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="trials=0"):
        Study("mlp", home=tmp_path / "home").run(data=arrays(), trials=0)
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_it_is_the_same_search_as_on_the_command_line(tmp_path: Path, bars_file: Path, tensorflow: None) -> None:
    study = Study("small", home=tmp_path)
    ran = study.run(
        family="mlp",
        trials=2,
        epochs=1,
        data=bars_file,
        baselines="none",
        engine="inline",
        fix={"depth": 1, "batch_norm": True},
        timeout=600,
        trial_timeout="10m",
    )
    assert ran is study
    assert list(study.trials["state"]) == ["complete", "complete"]
    assert set(study.trials["depth"]) == {1}
    with predictions.opened(study.place) as tracker:
        run = tracker.find("small", f"{study.optuna.user_attrs['uuid']}/0")
    assert run is not None
    words = run.tags["search.command"].split()
    assert words[:6] == ["python", "-m", "search", "run", "--study", "small"]
    assert words[-2:] == ["--trial-timeout", "10m"]
    assert "600s" in words


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trials": 0}, "trials=0"),
        ({"trails": 3}, "trials"),
        ({"pruner": "none of them"}, "pruner=none of them: not one of"),
        ({"timeout": "soon"}, "timeout=soon"),
        ({"fix": {"depth": 99}}, "depth"),
        ({"family": "vgg"}, "vgg"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    options: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        Study("mlp", home=tmp_path / "home").run(**options)  # type: ignore[typeddict-item]  # wrong on purpose
    assert not (tmp_path / "home").exists()


def test_a_study_that_is_not_there_yet_can_be_named_and_not_read(tmp_path: Path) -> None:
    study = Study("mlp", home=tmp_path / "home")
    assert repr(study) == f"Study('mlp', home={str(tmp_path / 'home')!r})"
    for read in (lambda: study.best, lambda: study.trials, lambda: study.optuna, lambda: study[0]):
        with pytest.raises((UsageError, SearchError)):
            read()
    assert not (tmp_path / "home").exists()
    assert study._repr_html_() is None
    with pytest.raises(UsageError, match="a study's name has"):
        Study("../mlp")


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_search_that_is_asked_to_stop_ends_the_cell_or_the_script(
    number: int, raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise Stopped(number)

    main, words = sys.modules["__main__"], sys.argv
    monkeypatch.setattr("search.commands.running.run", stopped)
    with pytest.raises(raised):
        Study("mlp", home=tmp_path).run(trials=1)
    assert (sys.modules["__main__"], sys.argv) == (main, words)


@pytest.mark.slow
def test_trials_are_a_table(study: Study) -> None:
    assert list(study.trials.index) == [0, 1, 2, 3, 4]
    assert list(study.trials["state"]) == ["complete"] * 3 + ["infeasible", "fail"]
    assert [trial.result.name for trial in study] == [f"mlp/{number}" for number in range(5)]
    best = study.best
    row = study.trials.loc[best.result.number]
    assert row["value"] == study.trials["value"].max() == best.result.value
    assert row["test_accuracy"] == best.metrics["test_accuracy"]
    assert {name: row[name] for name in best.parameters} == best.parameters


def test_whole_numbers_and_switches_stay_what_they_are_where_not_every_trial_has_them(study: Study) -> None:
    """Of networks of other depths there is no second width, and of one that could not be built no count of anything."""
    table, parameters = study.trials, [trial.parameters for trial in study]
    widths = [found["units_2"] for found in parameters if "units_2" in found]
    assert 0 < len(widths) < len(parameters)
    assert str(table["units_2"].dtype) == "Int64"
    assert [str(width) for width in table["units_2"].dropna()] == list(map(str, widths))
    types = {name: str(table[name].dtype) for name in ("depth", "batch_size", "epochs", "best_epoch", "batch_norm")}
    assert types == {**dict.fromkeys(types, "Int64"), "batch_norm": "boolean"}


def test_a_trial_shows_its_figures_and_its_confusion_matrix(study: Study) -> None:
    shown = study.best._repr_html_()
    assert f"{study.best.metrics['test_accuracy']:.4f}" in shown
    assert 'src="data:image/png;base64,' in shown
    assert repr(study.best) in shown
    assert f"<td>{study.best.metrics['test_accuracy']:.4f}</td>" in study._repr_html_()
    failed = study[4]
    assert repr(failed).startswith("mlp/4: fail, diverged at epoch 3")
    assert "data:image" not in failed._repr_html_()


def test_what_a_person_named_is_shown_as_text() -> None:
    table = showing.shown("<b>", [[("<script>", "a&b")]])
    assert "&lt;script&gt;" in table
    assert "<script>" not in table


def test_the_confusion_matrix_has_names_and_counts(study: Study) -> None:
    with predictions.opened(study.place) as tracker:
        judged = predictions.judged(tracker, study.best.result)
    confusion = study.best.confusion
    assert list(confusion.index) == list(confusion.columns) == list(judged.class_names)
    assert (confusion.to_numpy() == metrics.confusion_counts(judged.labels, judged.predictions, 10)).all()


def test_two_trials_are_set_beside_each_other(study: Study) -> None:
    pairing = study[0].against(study[1])
    assert (pairing.first, pairing.second) == ("mlp/0", "mlp/1")
    with pytest.raises(UsageError, match="has judged no images") as refused:
        study[0].against(study[3])
    command = str(refused.value).split("`")[1].removeprefix(next_commands.program())
    assert call(shlex.split(command)) == 0, "it is about this home"


def test_the_study_is_there_for_the_charts_of_optuna(study: Study) -> None:
    figure = optuna.visualization.plot_optimization_history(study.optuna)
    assert len(figure.data[0].x) == 3


def test_a_report_is_written_where_it_is_asked_for(study: Study, tmp_path: Path) -> None:
    assert study.report(tmp_path / "mlp.html").read_text().startswith("<!doctype html>")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEARCH_HOME", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def test_the_home_is_where_the_environment_says_unless_it_is_given(elsewhere: Path, tmp_path: Path) -> None:
    assert Study("mlp").place.home == elsewhere
    assert Study("mlp", home=tmp_path).place.home == tmp_path


@given(
    depth=st.integers(1, 3),
    learning_rate=st.floats(1e-4, 1e-2),
    activation=st.sampled_from(["relu", "gelu"]),
    batch_norm=st.booleans(),
)
def test_what_is_pinned_is_read_as_it_was_given(**fixed: Choice) -> None:
    family = models.family("mlp")
    assert space.parse(family, settings_of(Settings)["fix"].taken(fixed)[0]) == fixed


@pytest.mark.slow
def test_a_script_needs_no_guard(tmp_path: Path, bars_file: Path) -> None:
    """Workers do not run the script of the process that began them."""
    script = tmp_path / "script.py"
    script.write_text(
        "from search import Study\n"
        f"study = Study('mlp').run(trials=2, epochs=1, data={str(bars_file)!r}, workers=2)\n"
        "print(study.best)\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("mlp/")
    assert done.stderr.count("study mlp: 2 trials") == 1
    assert (tmp_path / "mlruns" / "optuna.db").exists()


def test_nothing_else_is_given_out() -> None:
    assert search.__all__ == ["Study"]
    with pytest.raises(AttributeError, match="has no attribute 'Trial'"):
        search.Trial  # type: ignore[attr-defined]  # noqa: B018  # there is none


def arrays(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    split = make_split(count, 28, 28, 1, 3, seed=1)
    return split.images, split.labels


@pytest.mark.parametrize(
    "given",
    [
        arrays(),
        (arrays(), arrays(30)),
        (*arrays(), *arrays(30)),
        (arrays()[0][..., 0], arrays()[1].reshape(-1, 1)),
        (arrays()[0], np.eye(3)[arrays()[1]]),
    ],
    ids=["two", "as of keras.datasets", "four", "a column", "a column a class"],
)
def test_arrays_are_kept_in_the_home_as_images_to_go_on_with(given: Any, tmp_path: Path) -> None:
    study = Study("nb", home=tmp_path)
    file = study._kept(given)
    assert file == study._kept(given), "the same images are one file"
    assert file.parent == tmp_path / "data"
    images = load(str(file), cache=tmp_path)
    assert images.class_names == ("0", "1", "2")
    assert len(images.train) + len(images.validation) + len(images.test) in (60, 90)


@pytest.mark.slow
def test_a_study_of_arrays_is_gone_on_with_without_them(
    tmp_path: Path, bars_file: Path, tensorflow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with np.load(bars_file) as kept:
        given = tuple((kept[f"x_{part}"], kept[f"y_{part}"]) for part in ("train", "test"))
    study = Study("nb", home=tmp_path)
    study.run(family="mlp", trials=1, epochs=1, data=given, baselines="none", engine="inline", fix={"depth": 1})
    monkeypatch.chdir(tmp_path)
    again = Study("nb", home=tmp_path).run(trials=2, engine="inline")
    assert list(again.trials["state"]) == ["complete", "complete"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"callbacks": []}, r"run\(\) takes no 'callbacks'; it takes family, epochs"),
        ({"epoch": 3}, r"run\(\) takes no 'epoch' \(did you mean epochs\?\)"),
        ({"trials": 0}, "^trials=0: give 1 or more"),
        ({"pruner": "hlving"}, r"^pruner=hlving: not one of .*\(did you mean halving\?\)"),
        ({"fix": {"depth": 99}}, "^fix=depth=99: outside the space"),
        ({"sampler": "grid"}, "pin hyperparameters with fix=NAME=VALUE until fewer are left, or choose sampler=qmc"),
        ({"repeats": 1}, "^repeats=1: give True or False"),
        ({"trials": True}, "^trials=True: give a whole number"),
        ({"timeout": 0}, "^timeout=0s: give a number and a unit"),
        ({"data": 3}, "data is of the type int; give"),
        ({"data": (1, 2, 3)}, "data: 3 parts; give"),
        ({"data": arrays()[:1]}, "data: 1 parts; give"),
        ({"data": (arrays()[0] / 255, arrays()[1])}, "data: x holds fractions"),
        ({"data": (arrays()[0], arrays()[1][:-1])}, "data: y has 59 labels for 60 images"),
    ],
)
def test_python_is_answered_in_python(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises((UsageError, DataError), match=said) as refused:
        Study("mlp", home=tmp_path / "home").run(**options)
    assert " --" not in str(refused.value)
