"""`gatedog gate report`: what the records say that nobody had let through."""

from collections.abc import Sequence
from typing import Any

import pytest
from stage import MAIN, Stage, gateway_policy

from watchdog.core.enclosure import ActionOffered
from watchdog.core.endings import Sender
from watchdog.core.events import SocketLost, Stamp, Stamped
from watchdog.core.identity import Seq
from watchdog.core.observations import CodeObserved
from watchdog.core.selfrestart import SelfRestartMeans, SelfRestartSeen
from watchdog.core.timeline import MINUTE, Usec
from watchdog.journal.reader import Record
from watchdog.report.gatepage import GateReport, Ungated, render_gate_report, report_object, report_of

EPOCH_USEC = 1_742_947_200_000_000


def records(play: Stage) -> list[Record]:
    """Return what the journal would hold of a play."""
    return [
        Record(
            stamped=Stamped(
                stamp=Stamp(
                    seq=Seq(number),
                    wall_usec=Usec(EPOCH_USEC + at),
                    boot=play.boot,
                    uptime_usec=Usec(at + 60 * MINUTE),
                ),
                event=event,
            ),
            decisions=stepped.decisions,
            digest=b"",
        )
        for number, (at, event, stepped) in enumerate(play.steps, start=1)
    ]


def read(play: Stage) -> GateReport:
    """Read the report of all that was played, as of now."""
    return report_of(records(play), EPOCH_USEC + play.now_usec)


def check(play: Stage, line: str) -> None:
    """Let the agent ask at the gate."""
    play.asks(
        "agent", "gate-check", "", enclosed=ActionOffered(action="exec", argv=tuple(line.split()), directory="/w")
    )


def approve(play: Stage) -> None:
    """Let a person approve what waits."""
    play.asks("human", "gate-approve", "", name="", subject=play.state.waiting_actions[-1].name)


def facts(found: Sequence[Ungated]) -> list[str]:
    """Say what was found, without the records."""
    return [each.what for each in found]


@pytest.fixture
def scene() -> Stage:
    """Set up one gateway, started and ready."""
    stage = Stage()
    stage.answers_starts = True
    stage.gatedog_starts()
    stage.policy_loads(gateway_policy())
    stage.looks("main")
    stage.gets_ready("main")
    return stage


def test_nothing_done_is_nothing_listed(scene: Stage) -> None:
    """What was asked and let through is no finding; it is counted."""
    check(scene, "mkdir x")
    found = read(scene)

    assert found.ungated == ()
    assert found.asked == (("allow", 1), ("refuse", 0), ("ask-human", 0))
    assert "nothing happened past the gate" in render_gate_report(found, width=80, colour=False)


@pytest.mark.parametrize("how", [{"code": 0}, {"signal": "SIGTERM", "by": Sender.SELF}], ids=["clean", "by itself"])
def test_an_ending_of_its_own_is_listed_with_its_record(how: dict[str, Any], scene: Stage) -> None:
    """Nobody had asked whether that may be."""
    scene.ends(**how)
    found = read(scene).ungated

    assert [each.seq for each in found] == [number for number, (_, event, _) in enumerate(scene.steps, 1)
                                            if type(event).__name__ == "MainProcessExited"]  # fmt: skip
    assert found[0].gateway == "main"
    assert found[0].refused_by == 0


def test_a_crash_is_no_action(scene: Stage) -> None:
    """What fails by itself was done by nobody."""
    scene.ends(code=1)

    assert read(scene).ungated == ()


def test_what_follows_an_approval_is_listed_beside_it(scene: Stage) -> None:
    """An ending soon after an approval was used may be that action, or another: a person compares the two."""
    check(scene, "rm x")
    name = scene.state.waiting_actions[0].name
    approve(scene)
    check(scene, "rm x")
    scene.wait(MINUTE)
    scene.ends(code=0)
    at_once = read(scene)
    shown = render_gate_report(at_once, width=100, colour=False)
    scene.gets_ready()
    scene.wait(20 * MINUTE)
    scene.ends(code=0)

    assert [each.after for each in at_once.ungated] == [name]
    assert f"in record {at_once.ungated[0].seq}, after {name} was let through" in shown
    assert "nothing happened past the gate that gatedog could see, 1 after an approval" in shown
    assert [each["after"] for each in report_object(read(scene))["ungated"]] == [name, None]


def test_an_approval_that_was_not_used_lets_nothing_through(scene: Stage) -> None:
    """The agent was told to ask again, and did not."""
    check(scene, "frobnicate --restart")
    approve(scene)
    scene.ends(code=0)

    assert len(read(scene).ungated) == 1


def test_what_was_refused_and_done_cites_both_records(scene: Stage) -> None:
    """Any ending soon after a refusal is set beside it, also one whose sender was not seen."""
    check(scene, "kill -9 -1")
    refusal = len(scene.steps)
    scene.wait(MINUTE)
    scene.ends(signal="SIGKILL")
    found = read(scene)
    shown = render_gate_report(found, width=100, colour=False)

    assert [each.refused_by for each in found.ungated] == [refusal]
    assert f"in record {found.ungated[0].seq}" in shown
    assert f"the gate had refused its agent in record {refusal}" in shown


def test_every_fact_of_the_sensors_is_listed(scene: Stage) -> None:
    """Restarts in place, foreign jobs and starts, asks past the gate, new code, new rivals, a lost socket."""
    process = scene.process()
    scene.rivals()
    scene.feed(
        SelfRestartSeen(gateway=MAIN, process=process, means=SelfRestartMeans.SAME_PID, evidence="up for 1s", mark="x")
    )
    scene.foreign_job("restart")
    scene.asks("agent", "restart", "now")
    for _ in range(2):
        scene.feed(CodeObserved(gateway=MAIN, process=process, changed=("/srv/claw/main.js",)))
    scene.rivals("other-unit=claw-again.timer")
    scene.feed(SocketLost(path="/run/gatedog/control.sock", made_again=True))
    scene.gatedog_starts()
    told = " | ".join(facts(read(scene).ungated))

    wanted = (
        "started over inside",
        "restart job 107",
        "its agent asked for restart",
        "/srv/claw/main.js",
        "claw-again.timer",
        "control.sock",
        "gatedog had ended without a word",
    )
    assert [words for words in wanted if words not in told] == [], told
    assert told.count("/srv/claw/main.js") == 1


def test_what_waits_is_shown_until_its_time_is_over(scene: Stage) -> None:
    """In the agent's own words, marked, with the command on a line of its own."""
    check(scene, "frobnicate --all")
    name = scene.state.waiting_actions[0].name
    shown = render_gate_report(read(scene), width=100, colour=False)
    told = report_object(read(scene))
    scene.wait(15 * MINUTE)

    assert 'agent says: "exec: frobnicate --all (in /w)"' in shown
    assert f"gatedog gate approve {name}" in shown
    assert [each["name"] for each in told["waiting"]] == [name]
    assert read(scene).waiting == ()


def test_nothing_of_what_waits_is_cut(scene: Stage) -> None:
    """Whoever agrees to an action has read its end as well, as long as it may be."""
    line = "; ".join(f"echo step{number}" for number in range(400)) + "; systemctl --user restart main"
    scene.asks("agent", "gate-check", "", enclosed=ActionOffered(action="exec", argv=("sh", "-c", line)))
    shown = render_gate_report(read(scene), width=100, colour=False)

    assert "systemctl --user restart main" in " ".join(shown.split())
    assert "\u2026" not in shown


def test_words_of_the_agent_cannot_draw(scene: Stage) -> None:
    """What would move the cursor is shown as an escape, and quotes cannot be closed."""
    scene.asks("agent", "gate-check", "", enclosed=ActionOffered(action="exec", argv=('a"\n  next: rm', "\t")))
    shown = render_gate_report(read(scene), width=100, colour=False)

    assert "\n  next: rm" not in shown
