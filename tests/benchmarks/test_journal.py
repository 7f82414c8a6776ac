from collections.abc import Callable
from pathlib import Path

from benchmarks import journal
from benchmarks.journal import Epoch, Journal


def saved(text: str) -> Callable[[Path], None]:
    def save(file: Path) -> None:
        file.write_text(text)

    return save


def test_what_was_logged_is_read_back_in_the_order_of_time(tmp_path: Path) -> None:
    first, second = (Journal(tmp_path, began=0.0, writer=name) for name in ("first", "second"))
    first.add(0, 1, 0.5, saved("a"))
    second.add(1, 1, 0.7, saved("b"))
    first.add(0, 2, 0.6, saved("c"))
    entries = journal.read(tmp_path, budget=float("inf"))
    assert [(entry.trial, entry.epoch, entry.val_accuracy) for entry in entries] == [
        (0, 1, 0.5),
        (1, 1, 0.7),
        (0, 2, 0.6),
    ]


def test_the_best_network_of_each_writer_is_kept_and_no_other(tmp_path: Path) -> None:
    writer = Journal(tmp_path, began=0.0)
    for epoch, accuracy in enumerate((0.5, 0.8, 0.6), start=1):
        writer.add(3, epoch, accuracy, saved(f"network of epoch {epoch}"))
    best = journal.best(journal.read(tmp_path, budget=float("inf")))
    assert best is not None
    assert journal.model_file(tmp_path, best).read_text() == "network of epoch 2"
    assert len(list(journal.models(tmp_path).iterdir())) == 1


def test_what_came_after_the_budget_and_half_a_line_do_not_count(tmp_path: Path) -> None:
    journal.write(tmp_path / "main.jsonl", [Epoch(5.0, 0, 1, 0.5), Epoch(11.0, 0, 2, 0.9)])
    with (tmp_path / "main.jsonl").open("a") as stream:
        stream.write('{"seconds": 6.0, "tri')
    assert journal.read(tmp_path, budget=10.0) == [Epoch(5.0, 0, 1, 0.5)]


def test_the_best_so_far_and_when_it_was_reached() -> None:
    entries = [Epoch(1.0, 0, 1, 0.5), Epoch(2.0, 0, 2, 0.7), Epoch(3.0, 1, 1, 0.9)]
    assert journal.best(entries, until=2.5) == entries[1]
    assert journal.best(entries, until=0.5) is None
    assert journal.seconds_to(entries, 0.6) == 2.0
    assert journal.seconds_to(entries, 0.95) is None
