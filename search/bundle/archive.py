"""A bundle as a file: written member by member, and not believed before every byte was looked at."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from models.data.files import UNREADABLE
from search.recording.artifacts import PACKAGES
from search.system import next_commands
from search.system.errors import UsageError

FORMAT, VERSION = "garment-search bundle", 1
MANIFEST = "manifest.json"
# Zipped already, by themselves.
DENSE: Final = (".keras", ".npz", ".png")
# Bytes that are read at once, and those of the longest text that is read whole: of ten thousand trials, a tenth of it.
PORTION, LONGEST = 1_000_000, 1_000_000_000
ENCRYPTED = 0x1
Passed = Callable[[int], None]


@dataclass(frozen=True)
class Member:
    """A file in a bundle: how many bytes it has, and their SHA-256."""

    size: int
    sha256: str


class Writer:
    """A bundle that is being written. `close` makes it whole."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._zip = ZipFile(stream, "w", allowZip64=True)
        self._members: dict[str, Member] = {}

    def put(self, name: str, content: bytes) -> None:
        """Add a file with this content."""
        with self._opened(name) as target:
            target.write(content)
        self._members[name] = Member(len(content), hashlib.sha256(content).hexdigest())

    def put_json(self, name: str, content: object) -> None:
        """Add what JSON can hold."""
        self.put(name, json.dumps(content, ensure_ascii=False).encode())

    def copy(self, name: str, file: Path) -> None:
        """Add a file of the disk, however large."""
        digest = hashlib.sha256()
        with file.open("rb") as source, self._opened(name) as target:
            while portion := source.read(PORTION):
                digest.update(portion)
                target.write(portion)
            self._members[name] = Member(source.tell(), digest.hexdigest())

    def close(self, study: str, uuid: str) -> None:
        """Say whose bundle it is, and what is in it."""
        members = {name: {"size": member.size, "sha256": member.sha256} for name, member in self._members.items()}
        about = {"format": FORMAT, "version": VERSION, "study": study, "uuid": uuid}
        made = {"made": datetime.now(UTC).isoformat(timespec="seconds")}
        versions = {"versions": {package: version(package) for package in PACKAGES}}
        self.put_json(MANIFEST, about | made | versions | {"members": members})
        self._zip.close()

    def _opened(self, name: str) -> IO[bytes]:
        entry = ZipInfo(name, datetime.now().timetuple()[:6])
        entry.compress_type = ZIP_STORED if name.endswith(DENSE) else ZIP_DEFLATED
        # As unpacked files are: readable, and nothing that runs.
        entry.external_attr = 0o644 << 16
        # Its size is not known yet, and may be any.
        return self._zip.open(entry, "w", force_zip64=True)


class Archive:
    """A bundle that is being read. Raises `UsageError` for whatever is not as it was written."""

    def __init__(self, file: Path, opened: ZipFile) -> None:
        self.file = file
        self._zip = opened
        about = self._about()
        with self.understood(MANIFEST):
            self.study, self.uuid = str(about["study"]), str(about["uuid"])
            self.members: Mapping[str, Member] = {
                name: Member(int(member["size"]), str(member["sha256"])) for name, member in about["members"].items()
            }
        self._require_members()

    @property
    def size(self) -> int:
        """Bytes of all that is in it, unpacked."""
        return sum(member.size for member in self.members.values())

    def verify(self, passed: Passed) -> None:
        """Read every byte. `passed` is told how many, as it goes."""
        for name, member in self.members.items():
            digest = hashlib.sha256()
            for portion in self._portions(name):
                digest.update(portion)
                passed(len(portion))
            if digest.hexdigest() != member.sha256:
                raise self.damaged(f"{name} is not what was exported")

    def read(self, name: str) -> bytes:
        """Return the content of a member."""
        return b"".join(self._portions(name))

    def json(self, name: str) -> Any:
        """Return what a member says."""
        if self.members[name].size > LONGEST:
            raise self.damaged(f"{name} is too large")
        with self.understood(name):
            return json.loads(self.read(name))

    def copy(self, name: str, file: Path) -> None:
        """Put the content of a member into a file of the disk."""
        with file.open("wb") as target:
            for portion in self._portions(name):
                target.write(portion)

    def damaged(self, what: str) -> UsageError:
        """Return the error to raise."""
        return UsageError(f"{self.file} is damaged: {what}; get another copy of it")

    @contextmanager
    def understood(self, name: str) -> Iterator[None]:
        """Raise what a member makes its reader stumble over."""
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
            raise self.damaged(f"{name} says what nobody has exported ({type(error).__name__}: {error})") from error

    def _about(self) -> Mapping[str, Any]:
        """Return the manifest, of a bundle that this program knows to read."""
        try:
            entry = self._zip.getinfo(MANIFEST)
            about = json.loads(self._zip.read(entry)) if entry.file_size < LONGEST else None
        except UNREADABLE as error:
            raise _foreign(self.file, f"its {MANIFEST} cannot be read") from error
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise _foreign(self.file, "it is of another kind")
        if about.get("version") != VERSION:
            raise UsageError(
                f"{self.file} is of another version of this program: its format is {about.get('version')}, and this "
                f"one reads {VERSION}; install the version that wrote it"
            )
        return about

    def _require_members(self) -> None:
        entries = [entry for entry in self._zip.infolist() if entry.filename != MANIFEST]
        named = {entry.filename: entry for entry in entries}
        if len(named) < len(entries) or named.keys() != self.members.keys():
            odd = sorted(named.keys() ^ self.members.keys())
            raise self.damaged(f"{odd[0] if odd else 'a member'} is missing, or one too many")
        for name, entry in named.items():
            plain = entry.compress_type in (ZIP_STORED, ZIP_DEFLATED) and not entry.flag_bits & ENCRYPTED
            if not plain or entry.file_size != self.members[name].size:
                raise self.damaged(f"{name} is not what was exported")

    def _portions(self, name: str) -> Iterator[bytes]:
        try:
            with self._zip.open(name) as stream:
                while portion := stream.read(PORTION):
                    yield portion
        except UNREADABLE as error:
            raise self.damaged(f"{name} cannot be read ({error})") from error


@contextmanager
def opened(file: Path) -> Iterator[Archive]:
    """Lend a bundle to read. Raises `UsageError` where the file is none."""
    try:
        stream = file.open("rb")
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror}; give a file that `{next_commands.command('export', 'STUDY')}` has written"
        ) from error
    with stream:
        try:
            found = ZipFile(stream)
        except UNREADABLE as error:
            raise _foreign(file, "it is no zip file, or cut short") from error
        with found:
            yield Archive(file, found)


def _foreign(file: Path, why: str) -> UsageError:
    made = next_commands.command("export", "STUDY")
    return UsageError(f"{file} is no bundle of a study, or damaged: {why}; give a file that `{made}` has written")
