"""Answers of a classifier on their way out: a line each as they come, none of them kept."""

import json
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final, Literal, TextIO

from models.data.names import escaped, shortened
from models.prediction import TOP
from search.system.formats import csv_line

Format = Literal["text", "json", "csv"]
# Likeliest classes and their probabilities, likeliest first; with what the image is called.
Top = Sequence[tuple[str, float]]
Answer = tuple[str, Top]

COLUMNS: Final = ("image", "class", "probability", "second", "second_probability", "third", "third_probability")
# How what is written here begins, so that it may be written over.
MARKS: Final = (b"image,class,probability,second,", b'[\n{"image": ', b"[]", b"image  ")
# What is left at least for what an image is called, and the space for a probability beside that of its class.
SHORTEST, NUMBER = 16, 9
# By so many names of images it is decided how broad their column is.
LOOKED_AT: Final = 100


def write(answers: Iterable[Answer], stream: TextIO, output: Format, class_names: Sequence[str], width: int) -> None:
    """Write all answers to a stream as they come; texts in so many columns."""
    plain = ((escaped(image), top) for image, top in answers)
    match output:
        case "csv":
            _csv(plain, stream)
        case "json":
            _json(plain, stream)
        case "text":
            _text(plain, stream, class_names, width)


def as_object(top: Top) -> dict[str, Any]:
    """Return an answer as JSON has it: the likeliest class and its probability, and the same of all."""
    ranked = [{"class": name, "probability": round(probability, 6)} for name, probability in top]
    return {**ranked[0], "top": ranked}


def _csv(answers: Iterable[Answer], stream: TextIO) -> None:
    """Write a spreadsheet's rows."""

    def row(image: str, top: Top) -> list[str]:
        cells = chain.from_iterable((name, f"{probability:.6g}") for name, probability in top)
        # Of two classes there is no third.
        return [image, *cells, *[""] * (2 * (TOP - len(top)))]

    stream.writelines(map(csv_line, chain([COLUMNS], (row(*answer) for answer in answers))))


def _json(answers: Iterable[Answer], stream: TextIO) -> None:
    """Write a list with an object for each image, on a line of its own."""
    before = "[\n"
    for image, top in answers:
        stream.write(before + json.dumps({"image": image} | as_object(top), ensure_ascii=False))
        before = ",\n"
    stream.write("\n]\n" if before != "[\n" else "[]\n")


def _text(answers: Iterable[Answer], stream: TextIO, class_names: Sequence[str], width: int) -> None:
    """Write lines for people: of long names of images the end, of those of classes both ends."""
    ranks = min(TOP, len(class_names))
    coming = iter(answers)
    looked_at = list(islice(coming, LOOKED_AT))
    longest = max(len(name) for name in ("image", *(image for image, _ in looked_at)))
    broad = min(max(map(len, class_names)), (width - min(longest, SHORTEST)) // ranks - NUMBER)
    first = min(longest, width - ranks * (broad + NUMBER))
    heads = ("class", "second", "third")[:ranks]
    stream.write("image".ljust(first) + "".join(f"  {head:<{broad + NUMBER - 2}}" for head in heads).rstrip() + "\n")
    for image, top in chain(looked_at, coming):
        ranked = "".join(f"  {shortened(name, broad):<{broad}} {share:.4f}" for name, share in top)
        called = image if len(image) <= first else "…" + image[1 - first :]
        stream.write(f"{called:<{first}}{ranked}\n")
