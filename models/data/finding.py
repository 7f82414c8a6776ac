"""Where Fashion-MNIST is looked for, in which order, and what is said when it is nowhere."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from models.data import downloads, fashion_mnist
from models.data.downloads import PACKAGE, Unobtainable, Way
from models.data.files import at_home, keras_home, locked, workplace
from models.data.images import Collection, DataError

VARIABLE = "SEARCH_DATA_DIR"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")

ADVICE = f"""What you can do:
  - on Debian or Ubuntu: apt install {PACKAGE}
  - where there is a network: run this again
  - elsewhere: copy {", ".join(f"{name}.gz" for name in fashion_mnist.DIGESTS)} into a folder
    and set {VARIABLE} to it
  - use images of your own: FILE.npz or FOLDER instead of {fashion_mnist.NAME}"""

log = logging.getLogger(__name__)


def find(cache: Path) -> Collection:
    """Return Fashion-MNIST from the first place that has it, or download it into `cache`. Raises `DataError`.

    A wrong file ends the search only in the folder that somebody chose; elsewhere it is named in the log and the next
    place is tried.
    """
    if chosen := os.environ.get(VARIABLE):
        return _chosen(at_home(chosen))
    cache = cache.resolve()  # the programs that download run in a folder of their own
    tried = [f"{VARIABLE}: not set"]
    return _look(places(cache), tried) or _download(cache, downloads.WAYS, tried)


def places(cache: Path) -> dict[str, Path]:
    """Folders on this machine, by what they are called, in the order in which they are looked at."""
    return {
        "downloaded before": cache / fashion_mnist.NAME,
        "Keras's cache": keras_home() / "datasets" / "fashion-mnist",
        f"Debian's package {PACKAGE}": DEBIAN,
    }


def _chosen(folder: Path) -> Collection:
    try:
        missing = fashion_mnist.missing(folder)
    except OSError as error:
        raise DataError(f"{VARIABLE}={folder} cannot be read: {error}; correct or unset it") from error
    if missing:
        raise DataError(f"{VARIABLE}: {_lack(folder, missing)}; put the files there, or unset it")
    try:
        return fashion_mnist.read(folder, f"{folder} ({VARIABLE})")
    except DataError as error:
        raise DataError(f"{error} (the folder was chosen by {VARIABLE})") from error


def _look(folders: Mapping[str, Path], tried: list[str]) -> Collection | None:
    """Return what the first good folder holds; what was wrong with the others is added to `tried`."""
    for name, folder in folders.items():
        try:
            missing = fashion_mnist.missing(folder)
            if not missing:
                return fashion_mnist.read(folder, f"{folder} ({name})")
        except (OSError, DataError) as error:
            outcome = f"{name}: {error}"
            if outcome not in tried:  # the first place is looked at twice
                log.warning("passed over, %s", outcome)
        else:
            outcome = f"{name}: {_lack(folder, missing)}"
        tried.append(outcome)
    return None


def _download(cache: Path, ways: Mapping[str, Way], tried: list[str]) -> Collection:
    """Try one way after the other, unless another process was faster while this one waited for its turn."""
    name, kept = next(iter(places(cache).items()))
    try:
        with locked(cache):
            found = _look({name: kept}, tried.copy())
            return found or _fetch(cache, kept, ways, tried)
    except OSError as error:
        tried.append(f"download into {cache}: {error}")
        raise _nowhere(tried) from error


def _fetch(cache: Path, kept: Path, ways: Mapping[str, Way], tried: list[str]) -> Collection:
    for name, way in ways.items():
        log.info("Fashion-MNIST: %s", name)
        with workplace(cache) as place:
            try:
                fetched = way(place)
                collection = fashion_mnist.read(fetched, f"{kept} ({name})")
            except (Unobtainable, DataError) as error:
                log.warning("%s failed: %s", name, error)
                tried.append(f"{name}: {error}")
                continue
            _keep(fetched, kept)
            return collection
    raise _nowhere(tried)


def _keep(fetched: Path, kept: Path) -> None:
    """Move files that were verified to their place, each in one step."""
    kept.mkdir(exist_ok=True)
    for file in fetched.iterdir():
        if file.name.removesuffix(".gz") in fashion_mnist.DIGESTS:
            file.replace(kept / file.name)


def _lack(folder: Path, missing: list[str]) -> str:
    files = ", ".join(missing) if len(missing) < len(fashion_mnist.DIGESTS) else "file of Fashion-MNIST"
    return f"{folder} has no {files}" if folder.exists() else f"{folder} is not there"


def _nowhere(tried: list[str]) -> DataError:
    return DataError(
        "\n".join(
            ["Fashion-MNIST is nowhere to be found. Tried, in this order:", *(f"  - {line}" for line in tried), ADVICE]
        )
    )
