"""The reckoning of large clusters agrees with what can be reckoned by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.benchmarks.simulate_cluster import GB, MB, Plan, simulate

# One worker: a part takes its dispatch, its opening, and as long as reading and sending it.
ONE = Plan(
    workers=1, parts=20, size=50 * MB, session=100 * MB, upload=50 * MB, worker_cpu=1.0, server_cpu=1.0
)


def test_one_worker_takes_one_part_after_the_other():
    part = ONE.attempt + ONE.dispatch + ONE.opening + 0.5 + 1.0
    assert simulate(ONE).seconds == pytest.approx(20 * part)


def test_as_many_workers_as_parts_take_as_long_as_one_part():
    found = simulate(replace(ONE, workers=20, dispatch=0.0, attempt=0.0, cores=1000, network=1000 * GB))
    assert found.seconds == pytest.approx(ONE.opening + 1.5)


@pytest.mark.parametrize(
    ("more", "limit", "rate"),
    [
        ({"network": 0.2 * GB}, "network of the server", 0.2 * GB),
        ({"cores": 1, "server_cpu": 5.0}, "server's processors", 0.2 * GB),
        ({"store": 0.2 * GB}, "object store", 0.2 * GB),
        ({"dispatch": 0.25}, "scheduler", 0.2 * GB),
        ({"attempt": 0.25}, "attempt's process", 0.2 * GB),
    ],
)
def test_what_holds_it_up_is_named_and_never_exceeded(more, limit, rate):
    found = simulate(replace(ONE, workers=200, sessions=500, parts=2000, **more))
    assert max(found.used, key=lambda name: found.used[name]) == limit
    assert 0.9 * rate <= found.rate <= 1.001 * rate


def test_more_workers_than_sessions_wait():
    few = simulate(replace(ONE, workers=10, parts=400, sessions=10))
    many = simulate(replace(ONE, workers=500, parts=400, sessions=10))
    assert many.seconds == pytest.approx(few.seconds)
    assert "sessions" in many.used
