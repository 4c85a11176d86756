import sys
from pathlib import Path

import pytest

from mlxvision.errors import ModelNotFoundError, UsageError
from mlxvision.loading.resolve import Repository, models_folder, resolve
from mlxvision_weights.registry import bundled_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def put(name: str) -> Path:
    """A pulled repository, as a pull leaves it."""
    repository = Repository.parse(name)
    directory = repository.folder / COMMIT
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text("{}", encoding="utf-8")
    repository.ref.parent.mkdir(exist_ok=True)
    repository.ref.write_text(COMMIT, encoding="utf-8")
    return directory


def test_without_a_name_the_bundled_model_is_meant(home):
    assert resolve() == bundled_model()


def test_the_environment_names_the_default_model(home, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("MLXVISION_MODEL", str(tmp_path))
    assert resolve() == tmp_path


def test_a_directory_with_a_config_is_itself(home, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    assert resolve(str(tmp_path)) == tmp_path
    assert resolve(f"~/{tmp_path.name}") == tmp_path


def test_a_directory_without_a_config_is_refused(home, tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"a directory without config\.json"):
        resolve(str(tmp_path))


def test_a_card_and_its_repository_are_the_same_model(home):
    directory = put("mlx-community/Llama-3.2-11B-Vision-Instruct-4bit")
    assert resolve("llama-3.2-11b-4bit") == directory
    assert resolve("mlx-community/Llama-3.2-11B-Vision-Instruct-4bit") == directory


def test_a_revision_with_a_slash_is_found(home):
    directory = put("owner/toy@refs/pr/1")
    assert resolve("owner/toy@refs/pr/1") == directory


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("llama-3.2-11b-4bit", "mlxvision pull mlx-community/Llama-3.2-11B-Vision-Instruct-4bit"),
        ("owner/toy", "mlxvision pull owner/toy"),
        ("owner/toy@v1", "mlxvision pull owner/toy@v1"),
    ],
)
def test_a_model_that_was_not_pulled_names_the_command_that_pulls_it(home, name, command):
    with pytest.raises(ModelNotFoundError) as caught:
        resolve(name)
    assert f"Run `{command}`" in str(caught.value)


def test_a_misspelt_card_is_answered_with_near_names(home):
    with pytest.raises(
        ModelNotFoundError, match=r"no model of this name: lama-3\.2-11b-4bit.*close to it: llama-3\.2-11b-4bit"
    ):
        resolve("lama-3.2-11b-4bit")


def test_a_misspelt_repository_is_answered_with_pulled_names(home):
    put("owner/toy")
    with pytest.raises(ModelNotFoundError, match="close to it: owner/toy"):
        resolve("ovner/toy")


@pytest.mark.parametrize("name", ["\0", "x" * 100_000, "../nowhere", "a b", "~nobody-of-this-name", "http://host/x"])
def test_an_odd_name_is_no_model(home, name):
    with pytest.raises(ModelNotFoundError) as caught:
        resolve(name)
    assert len(str(caught.value)) < 400


def test_a_repository_directory_that_was_removed_is_not_found(home):
    (directory := put("owner/toy")).joinpath("config.json").unlink()
    directory.rmdir()
    with pytest.raises(ModelNotFoundError, match="mlxvision pull owner/toy"):
        resolve("owner/toy")


def test_a_note_of_the_commit_that_cannot_be_read_is_one_clear_sentence(home):
    put("owner/toy")
    Repository.parse("owner/toy@v1").ref.mkdir()
    for name in ("owner/toy@v1", "owner/toy@" + "/".join("a" * 100)):  # a folder in its place, a name too long
        with pytest.raises(ModelNotFoundError, match=r"cannot read which commit was pulled \("):
            resolve(name)


def test_the_models_folder_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.delenv("MLXVISION_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert models_folder() == tmp_path / "Library" / "Application Support" / "mlxvision" / "models"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert models_folder() == tmp_path / ".local" / "share" / "mlxvision" / "models"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert models_folder() == tmp_path / "data" / "mlxvision" / "models"


@pytest.mark.parametrize("name", ["owner/toy", "0/1", "a.b-c_d/E.f", "owner/toy@v1.0", "owner/toy@refs/pr/1"])
def test_a_repository_is_written_as_it_was_read(name):
    assert str(Repository.parse(name)) == name


@pytest.mark.parametrize("name", ["owner", "-o/toy", "o--o/toy", "owner/toy.", "owner/toy@", "owner/toy@a..b", "ö/toy"])
def test_what_is_no_repository_is_refused(name):
    with pytest.raises(UsageError):
        Repository.parse(name)
