"""A run pauses the cyclic garbage collector: it must find nothing to do, and be as before after."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from computemarket import ComputeMarket


@pytest.fixture
def collector() -> Iterator[None]:
    was_on = gc.isenabled()
    yield
    if was_on:
        gc.enable()
    else:
        gc.disable()


@pytest.mark.usefixtures("collector")
class TestCollector:
    def test_a_run_leaves_no_cycles(self):
        model = ComputeMarket("duopoly", seed=1)
        gc.collect()
        model.run()
        assert gc.collect() == 0

    @pytest.mark.parametrize("on", [True, False])
    def test_a_run_leaves_the_collector_as_it_was(self, on):
        (gc.enable if on else gc.disable)()
        ComputeMarket("duopoly", seed=1, months=2).run()
        assert gc.isenabled() is on

    def test_so_does_a_run_that_fails(self, monkeypatch):
        def fail(*_: object) -> None:
            raise RuntimeError("stopped")

        monkeypatch.setattr("computemarket.model.order_chips", fail)
        gc.enable()
        with pytest.raises(RuntimeError, match="stopped"):
            ComputeMarket("duopoly", seed=1).run()
        assert gc.isenabled()
