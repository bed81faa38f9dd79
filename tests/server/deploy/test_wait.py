"""The wait for a Space, without a Hub and without time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.hub_answer import Runtime
from phi4_server.deploy.wait import BuildLog, LogLine, Pace, StageSeen, Wanted, wait

NEW = Wanted(commit="new", hardware="cpu-basic", is_fresh=True)


class Time:
    """A clock that sleeping alone moves."""

    now = 0.0

    def pace(self, **changes: float) -> Pace:
        return Pace(every=2.0, clock=lambda: self.now, sleep=self.sleep, **changes)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def looks(*answers: Runtime | DeployFailed) -> Callable[[], Runtime]:
    left = [*answers]

    def look() -> Runtime:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, DeployFailed):
            raise answer
        return answer

    return look


def at(stage: str, commit: str | None = "new", hardware: str = "cpu-basic", error: str = "") -> Runtime:
    return Runtime(stage=stage, commit=commit, hardware=hardware, requested=hardware, error=error)


def waited(
    *answers: Runtime | DeployFailed, wanted: Wanted = NEW, log: BuildLog | None = None, **changes: float
) -> list[StageSeen | LogLine]:
    return [*wait(looks(*answers), wanted, log or BuildLog(list), Time().pace(**changes))]


def stages(seen: Sequence[StageSeen | LogLine]) -> list[str]:
    return [one.stage for one in seen if isinstance(one, StageSeen)]


def test_it_ends_when_the_space_runs() -> None:
    """Each stage is seen on the way, with the time."""
    seen = waited(at("BUILDING"), at("BUILDING"), at("APP_STARTING"), at("RUNNING"))

    assert seen == [
        StageSeen("BUILDING", 0.0),
        StageSeen("BUILDING", 2.0),
        StageSeen("APP_STARTING", 4.0),
        StageSeen("RUNNING", 6.0),
    ]


def test_the_build_before_does_not_count() -> None:
    """RUNNING with an old commit is waited through, and so is its failure."""
    old = [at("RUNNING", "old"), at("BUILD_ERROR", "old")]
    assert stages(waited(*old, at("BUILDING"), at("RUNNING"))) == [
        "RUNNING",
        "BUILD_ERROR",
        "BUILDING",
        "RUNNING",
    ]


def test_without_commits_another_stage_counts() -> None:
    """Where the Hub does not say whose it is, RUNNING counts after a build was seen."""
    seen = waited(at("RUNNING", None), at("RUNNING", None), at("BUILDING", None), at("RUNNING", None))
    assert stages(seen) == ["RUNNING", "RUNNING", "BUILDING", "RUNNING"]


def test_without_commits_some_time_counts() -> None:
    """A build so quick that it was not seen is not waited for for ever."""
    seen = waited(at("RUNNING", None), settle=20.0)
    assert seen[-1] == StageSeen("RUNNING", 20.0)


def test_other_hardware_is_waited_for() -> None:
    """A Space that still runs on what it had is not there yet."""
    wanted = Wanted(commit="new", hardware="l4x1", is_fresh=True)
    seen = waited(at("RUNNING"), at("RUNNING"), at("RUNNING", hardware="l4x1"), wanted=wanted)
    assert len(seen) == 3


def test_where_nothing_changed_the_first_look_counts() -> None:
    """Also of a Space that sleeps: asking it wakes it."""
    same = Wanted(commit="new", hardware="cpu-basic", is_fresh=False)
    assert stages(waited(at("RUNNING", "new"), wanted=same)) == ["RUNNING"]
    assert stages(waited(at("SLEEPING", "new"), wanted=same)) == ["SLEEPING"]


@pytest.mark.parametrize(
    "stage", ["BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "PAUSED", "STOPPED", "DELETING"]
)
def test_a_failure_ends_it(stage: str) -> None:
    """With the Hub's own words for it."""
    with pytest.raises(DeployFailed, match=rf"\({stage}\): no\s*room") as caught:
        waited(at("BUILDING"), at(stage, error="no\nroom"))
    assert caught.value.reason == "build"


def test_it_is_not_waited_for_ever() -> None:
    """After a long time it is given up; the Hub goes on."""
    with pytest.raises(DeployFailed, match="still at BUILDING after 60 minutes"):
        waited(at("BUILDING"))


def test_a_hub_that_is_gone_for_a_moment_is_borne_with() -> None:
    """So are busy ones; one that stays away is an error."""
    gone = DeployFailed("gone", reason="unreachable")
    busy = DeployFailed("busy", reason="busy", status=503)

    assert stages(waited(gone, busy, at("RUNNING"))) == ["RUNNING"]
    with pytest.raises(DeployFailed, match="gone"):
        waited(gone)


def test_a_refusal_is_not_borne_with() -> None:
    """A token that was revoked will not come back."""
    with pytest.raises(DeployFailed, match="revoked"):
        waited(DeployFailed("revoked", reason="login"), at("RUNNING"))


def test_each_line_of_the_log_comes_once() -> None:
    """The log is read whole each time, and begins anew with another build."""
    logs = [["a", "b"], ["a", "b", "c"], ["x"]]
    log = BuildLog(lambda: logs.pop(0))
    seen = []
    for _ in range(3):
        log.look()
        seen.append([*log.take()])

    assert seen == [["a", "b"], ["c"], ["x"]]


def test_the_log_is_shown_between_the_stages() -> None:
    """Lines that are there come before the stage; long ones are cut."""
    log = BuildLog(lambda: ["y" * 10_000])
    log.look()
    seen = waited(at("RUNNING"), log=log)

    assert seen == [LogLine("y" * 500), StageSeen("RUNNING", 0.0)]


def test_a_log_that_cannot_be_read_is_left_out() -> None:
    """The wait does not depend on it."""

    def read() -> Sequence[str]:
        raise DeployFailed("no log", reason="busy")

    log = BuildLog(read)
    log.look()
    assert [*log.take()] == []


def test_a_log_is_followed_in_the_background() -> None:
    """For as long as the block."""
    log = BuildLog(lambda: ["a"], every=0.01)
    with log.followed():
        while not (lines := [*log.take()]):
            pass
    assert lines == ["a"]
