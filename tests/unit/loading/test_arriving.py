import pytest

from mlxvision.errors import UsageError
from mlxvision.loading.arriving import arriving


class Stop(BaseException):
    """What no handler in the product catches."""


def test_a_directory_appears_when_it_is_complete(tmp_path):
    out = tmp_path / "new" / "out"
    with arriving(out) as directory:
        (directory / "file").write_bytes(b"1")
        assert not out.exists()
    assert (out / "file").read_bytes() == b"1"
    assert list(out.parent.iterdir()) == [out]


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(Stop), arriving(tmp_path / "out") as directory:
        (directory / "file").write_bytes(b"1")
        raise Stop
    assert list(tmp_path.iterdir()) == []


def test_only_one_writes_at_a_time(tmp_path):
    out = tmp_path / "out"
    with arriving(out) as directory:
        (directory / "file").write_bytes(b"1")
        with pytest.raises(UsageError, match=r"another process writes to: .*out\. Wait for its end"), arriving(out):
            pass
    assert (out / "file").read_bytes() == b"1"


def test_what_a_kill_has_left_is_not_published(tmp_path):
    left = tmp_path / ".out.arriving"
    left.mkdir()
    (left / "half").write_bytes(b"1")
    with arriving(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    assert not (tmp_path / "out" / "half").exists()


def test_a_directory_that_holds_something_stays_as_it_is(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_bytes(b"precious")
    with pytest.raises(UsageError, match="is not empty"), arriving(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]
