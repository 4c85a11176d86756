"""From a model's name to its directory, without a network.

The models folder holds one directory per pulled commit and one small file per pulled revision:

    OWNER/NAME/COMMIT/            the files of the commit, and manifest.json
    OWNER/NAME/refs/REVISION      the commit that the revision named when it was pulled
"""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from mlxvision.errors import ModelNotFoundError, UsageError
from mlxvision_weights.registry import BUNDLED, bundled_model, cards, find_card

__all__ = ["COMMIT", "Repository", "models_folder", "pulled", "resolve"]

COMMIT = re.compile("[0-9a-f]{40}")

_PART = r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REVISION = r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the hub at one revision: a branch, a tag or a commit."""

    owner: str
    name: str
    revision: str = "main"

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """OWNER/NAME[@REVISION] -> Repository. Raises: UsageError"""
        path, at, revision = text.partition("@")
        owner, slash, name = path.partition("/")
        sound = re.fullmatch(_PART, owner) and re.fullmatch(_PART, name) and slash
        if not sound or (at and not re.fullmatch(_REVISION, revision)):
            raise UsageError("not the name of a repository", text, "Write OWNER/NAME or OWNER/NAME@REVISION")
        return cls(owner, name, revision) if at else cls(owner, name)

    def __str__(self) -> str:
        return self.path if self.revision == "main" else f"{self.path}@{self.revision}"

    @property
    def path(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def folder(self) -> Path:
        """Where all commits of the repository live."""
        return models_folder() / self.owner / self.name

    @property
    def ref(self) -> Path:
        """The file that names the commit of this revision, once it was pulled."""
        return self.folder / "refs" / quote(self.revision, safe="")

    def directory(self) -> Path | None:
        """Where this revision is, if it was pulled. Raises: ModelNotFoundError if that cannot be told"""
        try:
            commit = self.ref.read_bytes().decode("ascii", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            what = f"cannot read which commit was pulled ({error.strerror})"
            raise ModelNotFoundError(what, self.ref, "Check the permissions of this file") from error
        directory = self.folder / commit
        return directory if COMMIT.fullmatch(commit) and directory.is_dir() else None


def models_folder() -> Path:
    """Where pulled models live: below $MLXVISION_HOME, else where this platform keeps the data of programs."""
    if home := os.environ.get("MLXVISION_HOME"):
        return Path(home) / "models"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "mlxvision" / "models"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "mlxvision" / "models"


def pulled() -> Iterator[tuple[Repository, Path]]:
    """Every pulled revision with its directory, in the order of their names."""
    for ref in sorted(models_folder().glob("*/*/refs/*")):
        repository = Repository(ref.parts[-4], ref.parts[-3], unquote(ref.name))
        if directory := repository.directory():
            yield repository, directory


def resolve(name: str | None = None) -> Path:
    """The directory of a model given as a directory, OWNER/NAME[@REVISION] or a card's name.

    name: by default $MLXVISION_MODEL, else the bundled model.
    Raises: ModelNotFoundError
    """
    name = name or os.environ.get("MLXVISION_MODEL") or BUNDLED
    directory = os.path.expanduser(name)
    if os.path.isdir(directory):
        if not os.path.isfile(os.path.join(directory, "config.json")):
            raise ModelNotFoundError("a directory without config.json", name, "Give the directory of a model")
        return Path(directory)
    if name == BUNDLED:
        return bundled_model()
    card = find_card(name)
    try:
        repository = Repository.parse(card.repo if card and card.repo else name)
    except UsageError:
        next_step = f"Give a directory, OWNER/NAME of a pulled repository, or a card{_near(name)}"
        raise ModelNotFoundError("no model of this name", name, next_step) from None
    if found := repository.directory():
        return found
    next_step = f"Run `mlxvision pull {repository}`{_near(name)}"
    raise ModelNotFoundError("this model is not on this machine", name, next_step)


def _near(name: str) -> str:
    from difflib import get_close_matches

    known = {*(card.name for card in cards()), *(str(repository) for repository, _ in pulled())}
    near = get_close_matches(name, sorted(known - {name}))
    return f"; close to it: {', '.join(near)}" if near else ""
