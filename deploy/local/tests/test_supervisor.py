"""The supervisor and its guard: nothing is left running whichever process dies; order, restarts and control."""

import os
import signal

import pytest
from running_small_stack import gone, started
from support.eventually import eventually
from voicepipe_local import control, guard

pytestmark = pytest.mark.servers  # small stacks of real processes


def test_nothing_is_left_when_the_supervisor_is_killed(small):
    stack = small("postgres", "a", ",", "b:parent")
    stack.wait_until_ready()
    processes = stack.processes()
    assert len(processes) >= 6
    os.kill(stack.ps()["pid"], signal.SIGKILL)
    assert gone(processes)


def test_nothing_is_left_when_the_guard_is_killed(small):
    stack = small("postgres", "a", ",", "b:parent")
    stack.wait_until_ready()
    processes = stack.processes()
    stack.guard.kill()
    assert gone(processes)


def test_nothing_is_left_when_the_lifeline_is_closed(small):
    stack = small("postgres", "a", ",", "b:parent")
    stack.wait_until_ready()
    processes = stack.processes()
    stack.guard.stdin.close()
    assert gone(processes)


def test_a_killed_component_is_restarted_and_its_orphans_are_killed(small):
    stack = small("a:parent")
    stack.wait_until_ready()
    before, child = stack.component("a"), int((stack.data / "notes.child").read_text())
    os.kill(before["pid"], signal.SIGKILL)
    assert gone({(child, started(child))})
    after = eventually(lambda: (component := stack.component("a"))["state"] == "up" and component)
    assert after["pid"] != before["pid"]
    assert after["restarts"] == 1
    assert after["problem"] == "killed by SIGKILL"
    assert after["health"] == "healthy"


def test_a_killed_database_server_is_restarted(small):
    stack = small("postgres")
    stack.wait_until_ready()
    os.kill(stack.component("postgres")["pid"], signal.SIGKILL)
    eventually(lambda: (component := stack.component("postgres"))["restarts"] >= 1 and component["health"] == "healthy")


def test_a_triton_whose_python_process_died_is_restarted_although_it_reports_ready(small):
    stack = small("triton-accurate")
    stack.wait_until_ready()
    before = stack.component("triton-accurate")
    one_instance = guard.descendants(before["pid"])[0]
    os.kill(one_instance, signal.SIGKILL)
    after = eventually(
        lambda: (
            (component := stack.component("triton-accurate"))["restarts"] == 1
            and component["health"] == "healthy"
            and component
        )
    )
    assert after["pid"] != before["pid"]
    assert after["problem"] == "1 of its processes died"


def test_a_component_that_cannot_start_stops_the_stack_with_the_reason(small):
    stack = small("a:parent", "postgres", ",", "broken")
    output = stack.guard.stdout.read()
    assert stack.guard.wait() == 1
    assert "broken: broken exited while it was starting" in output
    assert "I am broken" in output
    assert str(stack.data / "logs" / "broken.log") in output
    assert not control.is_running(stack.data)


def test_components_stop_in_reverse_order_of_their_start(small):
    stack = small("a", ",", "b", ",", "c")
    stack.wait_until_ready()
    control.ask(stack.data, {"ask": "down"})
    assert stack.guard.wait() == 0
    assert (stack.data / "notes").read_text().split() == ["c", "b", "a"]


def test_ctrl_c_stops_everything(small):
    stack = small("a", ",", "b")
    stack.wait_until_ready()
    stack.guard.send_signal(signal.SIGINT)
    assert stack.guard.wait() == 0
    assert (stack.data / "notes").read_text().split() == ["b", "a"]


def test_ctrl_c_during_the_start_stops_everything(small):
    stack = small("a", ",", "never:stubborn", ",", "b")
    eventually((stack.data / "control.sock").exists)
    processes = eventually(lambda: len(found := stack.processes()) > 2 and found)
    stack.guard.send_signal(signal.SIGINT)
    assert stack.guard.wait() == 0
    assert gone(processes)


def test_a_component_that_ignores_the_stop_signal_is_killed(small):
    stack = small("a:stubborn")
    stack.wait_until_ready()
    processes = stack.processes()
    control.ask(stack.data, {"ask": "down"})
    assert stack.guard.wait() == 0
    assert gone(processes)


def test_one_component_can_be_stopped_and_started(small):
    stack = small("a", "b")
    stack.wait_until_ready()
    pid = stack.component("a")["pid"]
    control.ask(stack.data, {"ask": "stop", "component": "a"})
    stopped = stack.component("a")
    assert (stopped["state"], stopped["pid"], stopped["memory_bytes"]) == ("stopped", None, 0)
    assert stack.component("b")["state"] == "up"
    control.ask(stack.data, {"ask": "start", "component": "a"})
    assert stack.component("a")["pid"] not in {None, pid}
    assert stack.component("a")["health"] == "healthy"


def test_stopping_an_unknown_component_is_an_error(small):
    stack = small("a")
    stack.wait_until_ready()
    assert "the components are a" in control.ask(stack.data, {"ask": "stop", "component": "b"})["error"]


def test_a_data_directory_has_one_stack_at_a_time(small, tmp_path):
    stack = small("a")
    stack.wait_until_ready()
    with pytest.raises(control.AlreadyRunning):
        control.lock(tmp_path)


def test_a_killed_stack_is_not_reported_as_running(small, tmp_path):
    stack = small("a")
    stack.wait_until_ready()
    processes, supervisor = stack.processes(), stack.ps()["pid"]
    for pid in (stack.guard.pid, supervisor):
        os.kill(pid, signal.SIGKILL)
    assert gone(processes)
    assert not control.is_running(tmp_path)
    with pytest.raises(control.NotRunning):
        stack.ps()
    small("a").wait_until_ready()


def test_two_stacks_run_side_by_side_and_keep_their_addresses_over_a_restart(small, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    addresses = []
    for _ in range(2):
        stacks = []
        for folder in folders:
            folder.mkdir(exist_ok=True)
            stacks.append(small("a", "b", at=folder))
        for stack in stacks:
            stack.wait_until_ready()
        addresses.append([component["address"] for stack in stacks for component in stack.ps()["components"]])
        for stack in stacks:
            control.ask(stack.data, {"ask": "down"})
            stack.guard.wait()
    assert addresses[0] == addresses[1]
    assert len(set(addresses[0])) == 4


def test_a_component_that_is_stopped_while_it_starts_stays_stopped(small):
    stack = small("a", "never:silent:asleep")
    stack.wait_until_ready()
    stack.ask("start", "never", wait="no")
    processes = eventually(lambda: stack.component("never")["pid"] and stack.processes())
    assert stack.ask("stop", "never")["state"] == "stopped"
    never = stack.component("never")
    assert (never["state"], never["pid"]) == ("stopped", None)
    assert gone(processes - stack.processes())


def test_a_start_waits_for_the_stop_before_it(small):
    stack = small("a:stubborn")
    stack.wait_until_ready()
    stack.ask("stop", "a", wait="no")
    eventually(lambda: stack.component("a")["state"] == "stopping")
    assert stack.ask("start", "a")["state"] == "up"


def test_a_restart_while_a_component_starts_ends_with_one_that_runs(small):
    stack = small("a:slow:asleep", "b")
    stack.wait_until_ready()
    stack.ask("start", "a", wait="no")
    eventually(lambda: stack.component("a")["pid"])
    assert stack.ask("restart", "a")["state"] == "up"
    assert stack.component("a")["restarts"] == 0


def test_two_stops_and_a_start_end_with_a_component_that_runs(small):
    stack = small("a:stubborn")
    stack.wait_until_ready()
    for verb in ("stop", "stop", "start"):
        stack.ask(verb, "a", wait="no")
    eventually(lambda: stack.component("a")["state"] == "up" and stack.component("a")["pid"])


def test_a_failed_start_in_the_background_is_reported_and_can_be_repeated(small):
    stack = small("a", "broken:asleep")
    stack.wait_until_ready()
    for _ in range(2):
        stack.ask("start", "broken", wait="no")
        broken = eventually(lambda: (one := stack.component("broken"))["problem"] and one["state"] == "stopped" and one)
        assert "exited while it was starting" in broken["problem"]
    assert "exited while it was starting" in stack.ask("start", "broken")["error"]
    stack.ask("down")
    assert "broken: broken exited while it was starting" in stack.guard.stdout.read()


def test_a_stack_that_stops_while_a_component_starts_leaves_nothing(small):
    stack = small("a:stubborn", "never:silent:asleep")
    stack.wait_until_ready()
    stack.ask("start", "never", wait="no")
    eventually(lambda: stack.component("never")["pid"])
    processes = stack.processes()
    stack.ask("down")
    assert "error" in eventually(lambda: stack.ask("start", "never"))
    assert stack.guard.wait() == 0
    assert gone(processes)
