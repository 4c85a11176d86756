import pytest

from mlxvision.errors import OutOfMemoryError
from mlxvision.loading import memory
from mlxvision.loading.header import TensorInfo
from mlxvision.loading.load import load_model
from mlxvision.loading.memory import Estimate, available_bytes, check_memory, estimate
from tests.unit.loading.toy import Checkpoints, register

INFOS = [TensorInfo("BF16", (1000,), 0, 2000), TensorInfo("U32", (1000,), 0, 4000), TensorInfo("U8", (10,), 0, 10)]


def test_on_metal_weights_cost_what_they_are_stored_in(monkeypatch):
    monkeypatch.setattr(memory, "widens", lambda: False)
    assert estimate(INFOS, 500) == Estimate(6010, 500)


def test_on_a_cpu_floats_cost_four_bytes(monkeypatch):
    monkeypatch.setattr(memory, "widens", lambda: True)
    assert estimate(INFOS, 500) == Estimate(8010, 1000)


def test_what_does_not_fit_is_refused_with_numbers_and_a_way_out(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 8_000_000_000)
    with pytest.raises(OutOfMemoryError) as caught:
        check_memory(Estimate(7_100_000_000, 1_000_000_000))
    for part in ("7.1 GB of weights", "1.0 GB for one request", "8.0 GB can be used", "convert --bits 4", "--force"):
        assert part in str(caught.value)


def test_what_fits_exactly_is_accepted(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 8)
    check_memory(Estimate(7, 1))


def test_this_machine_has_memory_to_give():
    assert 1 << 26 < available_bytes() < 1 << 50


def test_force_loads_what_seems_not_to_fit(tmp_path, monkeypatch):
    register(monkeypatch)
    directory = Checkpoints(tmp_path).write()
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    with pytest.raises(OutOfMemoryError):
        load_model(directory, "toy")
    assert load_model(directory, "toy", force=True).name == "toy"
