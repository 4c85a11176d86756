"""From the hub to the models folder: the only room that speaks to a network.

A pull works in OWNER/NAME/.COMMIT/, where it also resumes, and publishes by renaming that directory once every file is
verified. So a directory without a leading dot is always whole, whenever a pull was killed. One with a leading dot lasts
until another commit of the repository is pulled.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from mlxvision.errors import DownloadError
from mlxvision.loading.manifest import digests_of, write_durably, write_manifest
from mlxvision.loading.resolve import COMMIT, Repository, pulled
from mlxvision_weights.registry import BUNDLED, bundled_model

__all__ = ["ListedModel", "Progress", "list_models", "pull"]

Progress = Callable[[str, int, int], None]
"""Called with the name of the file that arrives, the bytes that are here, and the bytes in all."""

_WANTED = (
    "LICENSE*",
    "README.md",
    "*.safetensors",
    "*.safetensors.index.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LOCK = ".lock"
_CHUNK_BYTES = 1 << 20
_SILENCE_S = 30
_BY_HAND = "Connect and run the same command again, or copy the model's directory here and give its path as the model"
_AGAIN = "Run the same command again; what has arrived is kept"


@dataclass(frozen=True, slots=True)
class _File:
    """A file as the hub describes it: blob is git's name of its content, sha256 is known of large files only."""

    name: str
    size: int
    blob: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model on this machine."""

    name: str
    directory: Path
    size_bytes: int


def pull(name: str, progress: Progress = lambda file, here, total: None) -> Path:
    """Bring OWNER/NAME[@REVISION] to this machine, pinned to a commit, every file verified.

    Raises: UsageError, DownloadError
    """
    repository = Repository.parse(name)
    with _said_clearly(repository):
        commit, files = _describe(repository)
        folder = repository.folder
        repository.ref.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder / _LOCK):
            _tidy(folder, commit)
            if not (folder / commit).is_dir():
                _publish(repository, commit, files, progress)
            scratch = folder / f".{commit}.ref"
            write_durably(scratch, commit)
            scratch.replace(repository.ref)
    return folder / commit


def list_models() -> tuple[ListedModel, ...]:
    """The bundled model and every pulled revision."""
    places = [(BUNDLED, bundled_model()), *((str(repository), directory) for repository, directory in pulled())]
    return tuple(
        ListedModel(name, place, sum(path.stat().st_size for path in place.iterdir())) for name, place in places
    )


def _describe(repository: Repository) -> tuple[str, list[_File]]:
    """The commit that the revision names now, and the files we want of it, small ones first."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(repository.path, revision=repository.revision, files_metadata=True, timeout=_SILENCE_S)
    files = [
        _File(entry.rfilename, entry.size or 0, entry.blob_id or "", entry.lfs.sha256 if entry.lfs else None)
        for entry in info.siblings or ()
        if _PLAIN_NAME.fullmatch(entry.rfilename) and any(fnmatchcase(entry.rfilename, like) for like in _WANTED)
    ]
    names = {file.name for file in files}
    if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        next_step = "Choose a repository with config.json and .safetensors files"
        raise DownloadError("no model that can be read in", repository, next_step)
    if len({name.lower() for name in names}) < len(files):  # one file to many a disk
        raise DownloadError("two files of one name in", repository, "Choose another repository")
    return _pinned(repository, info.sha), sorted(files, key=lambda file: (file.size, file.name))


def _pinned(repository: Repository, commit: str | None) -> str:
    """The commit, if it can be the one that was asked for."""
    asked = repository.revision
    if not commit or not COMMIT.fullmatch(commit) or (COMMIT.fullmatch(asked) and asked != commit):
        raise DownloadError("the hub names no commit, or another one, for", repository, "Try again later")
    return commit


def _tidy(folder: Path, commit: str) -> None:
    """Remove what pulls of other commits that were stopped have left."""
    for path in folder.glob(".*"):
        if path.name in (_LOCK, f".{commit}"):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _publish(repository: Repository, commit: str, files: list[_File], progress: Progress) -> None:
    """Fetch and verify every file in a hidden directory, then let it appear at once."""
    arriving = repository.folder / f".{commit}"
    arriving.mkdir(exist_ok=True)
    here = {file.name: _size(arriving / file.name) for file in files}
    total, free = sum(file.size for file in files), shutil.disk_usage(arriving).free
    if total - sum(here.values()) > free:
        what = f"{total / 1e9:.1f} GB do not fit on a disk with {free / 1e9:.1f} GB free"
        raise DownloadError(what, repository, "Make room, or set MLXVISION_HOME to a folder on another disk")
    digests = {}
    for file in files:
        for size in _fetch(repository, commit, file, arriving / file.name):
            here[file.name] = size
            progress(file.name, sum(here.values()), total)
        digests[file.name] = _check(file, arriving / file.name)
    write_manifest(arriving, digests, {"repository": repository.path, "commit": commit})
    arriving.rename(repository.folder / commit)


def _fetch(repository: Repository, commit: str, file: _File, path: Path) -> Iterator[int]:
    """Bring what is missing at the end of a file, telling again and again how many bytes of it are here."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    start = _size(path)
    yield start
    if start == file.size:
        return path.touch()
    url = hf_hub_url(repository.path, file.name, revision=commit)
    headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={start}-"}
    with (
        get_session().stream("GET", url, headers=headers, timeout=_SILENCE_S) as response,
        path.open("ab") as out,
    ):
        hf_raise_for_status(response)
        if response.status_code != 206:  # the server begins at the beginning again
            out.seek(0)
            out.truncate()
        for chunk in response.iter_bytes(_CHUNK_BYTES):
            out.write(chunk)
            yield out.tell()
            if out.tell() > file.size:
                break
        out.flush()
        os.fsync(out.fileno())


def _check(file: _File, path: Path) -> str:
    """The sha256 of a file that is what the hub described; any other is removed."""
    if path.stat().st_size < file.size:
        raise DownloadError("only a part arrived of", file.name, _AGAIN)
    sha256, blob = digests_of(path)
    if (sha256 != file.sha256) if file.sha256 else (blob != file.blob):
        path.unlink()
        raise DownloadError("the content arrived damaged", file.name, _AGAIN)
    return sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock ends with the process."""
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _said_clearly(repository: Repository) -> Iterator[None]:
    """What the hub's client raises, in our words."""
    from huggingface_hub import errors as hub
    from huggingface_hub.utils import httpx

    try:
        yield
    except hub.GatedRepoError:
        next_step = "Accept its licence on its page, set HF_TOKEN to a token of that account, and pull again"
        raise DownloadError("this repository is gated", repository, next_step) from None
    except hub.RepositoryNotFoundError:
        next_step = "Check the spelling; for a private repository set HF_TOKEN"
        raise DownloadError("the hub has no such repository", repository, next_step) from None
    except hub.RevisionNotFoundError:
        raise DownloadError("the repository has no such revision", repository, "Check the spelling") from None
    except hub.HfHubHTTPError as error:
        what = f"the hub answered with status {error.response.status_code}"
        raise DownloadError(what, repository, _AGAIN) from None
    except (httpx.HTTPError, hub.OfflineModeIsEnabled):
        raise DownloadError("the hub cannot be reached for", repository, _BY_HAND) from None
    except OSError as error:
        what = f"the files could not be kept ({error.strerror})"
        raise DownloadError(what, repository, _AGAIN) from None
