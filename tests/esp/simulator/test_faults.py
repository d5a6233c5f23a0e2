from typing import Any

import msgspec
import pytest

from console.esp.simulator.faults import FaultPlan, Faults, Treatment


def treatments(count: int, **faults: Any) -> list[Treatment]:
    plan = FaultPlan(Faults(**faults))
    return [plan.next_treatment() for _ in range(count)]


def test_without_faults_all_is_normal() -> None:
    assert set(treatments(10)) == {Treatment.NORMAL}


@pytest.mark.parametrize(
    ("fault", "treatment"),
    [
        ("drop_before_every", Treatment.DROP_BEFORE),
        ("drop_every", Treatment.DROP),
        ("cut_every", Treatment.CUT),
        ("garbage_every", Treatment.GARBAGE),
        ("silent_every", Treatment.SILENT),
        ("stray_every", Treatment.STRAY),
        ("double_every", Treatment.DOUBLE),
        ("late_every", Treatment.LATE),
        ("refuse_every", Treatment.REFUSE),
    ],
)
def test_every_third(fault: str, treatment: Treatment) -> None:
    normal = Treatment.NORMAL
    assert treatments(7, **{fault: 3}) == [
        normal, normal, treatment, normal, normal, treatment, normal
    ]  # fmt: skip


def test_of_several_the_gravest_counts() -> None:
    assert treatments(6, refuse_every=1, silent_every=2, drop_every=3) == [
        Treatment.REFUSE,
        Treatment.SILENT,
        Treatment.DROP,
        Treatment.SILENT,
        Treatment.REFUSE,
        Treatment.DROP,
    ]


def test_so_many_times_and_no_more() -> None:
    normal = Treatment.NORMAL
    assert treatments(7, silent_every=3, refuse_every=2, times=2) == [
        normal, Treatment.REFUSE, Treatment.SILENT, normal, normal, normal, normal
    ]  # fmt: skip


def test_counting_the_times_starts_anew_with_each_change() -> None:
    plan = FaultPlan(Faults(silent_every=1, times=1))
    assert [plan.next_treatment() for _ in range(2)] == [Treatment.SILENT, Treatment.NORMAL]
    plan.set(plan.faults)
    assert plan.next_treatment() is Treatment.SILENT


def test_counting_starts_anew_with_each_change() -> None:
    plan = FaultPlan(Faults(refuse_every=2))
    plan.next_treatment()
    plan.set(Faults(silent_every=2))
    assert [plan.next_treatment() for _ in range(2)] == [Treatment.NORMAL, Treatment.SILENT]


def test_a_change_leaves_the_rest() -> None:
    faults = Faults(latency=0.5, refuse_every=3).changed({"refuse_every": 0, "half_open": True})
    assert faults == Faults(latency=0.5, half_open=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"refuse_every": -1},
        {"refuse_every": 1.5},
        {"refuse_every": "1"},
        {"latency": -0.1},
        {"times": -1},
        {"half_open": 1},
        {"unheard_of": 1},
    ],
)
def test_a_bad_change(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Faults().changed(changes)
