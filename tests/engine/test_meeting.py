"""Machines that share a decoder, here processes of one: when the first stops, so do all, with the same token."""

import json

from tests.fakes.checkpoints import make_mllama
from tests.fakes.machines import run


def test_all_stop_where_the_first_one_does(tmp_path):
    model = make_mllama(tmp_path / "model", says="a")
    done = run(2, tmp_path, "-m", "tests.fakes.stopping", model)
    assert [one.returncode for one in done] == [0, 0], done
    first, second = (json.loads(one.stdout) for one in done)
    assert first == second
    reason, tokens = first["cancelled"]
    assert reason == "cancelled"
    assert len(tokens) >= 5
    assert first["at once"] == ["cancelled", []]
    assert first["late"] == ["time", []]
    assert (first["next turn"][0], len(first["next turn"][1])) == ("length", 8)
