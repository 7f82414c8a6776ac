"""The one judge: test accuracy of networks that contenders left, whoever made them.

python -m benchmarks.evaluate FILE.keras ... prints a JSON object of files and accuracies.
"""

import argparse
import json
from pathlib import Path

from models.data import load


def main() -> None:
    """Judge the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="a folder for images that have to be downloaded")
    parser.add_argument("--out", type=Path, required=True, help="a file for the accuracies")
    given = parser.parse_args()
    accuracies = judge(given.files, given.cache)
    given.out.write_text(json.dumps(accuracies, indent=2), "utf-8")


def judge(files: list[Path], cache: Path) -> dict[str, float]:
    """Return each network's accuracy on the 10,000 test images."""
    import keras

    from models import training

    test = load(cache=cache).test
    found = {}
    for file in files:
        network = keras.saving.load_model(file, compile=False)
        right = training.predict(network, test.images).argmax(axis=1) == test.labels
        found[str(file)] = float(right.mean())
        keras.backend.clear_session()
    return found


if __name__ == "__main__":
    main()
