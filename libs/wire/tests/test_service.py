"""The life of a process: what its probes answer, what it waits for, how it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import httpx
import pytest
from support.eventually import eventually
from voicepipe_local import testing

SETTINGS = {"VOICEPIPE_S3_ACCESS_KEY": "k", "VOICEPIPE_S3_SECRET_KEY": "s"}

# A service whose work ends as the test wants; requests to it take as long as they ask for.
SERVICE = """
    import asyncio, sys
    from contextlib import asynccontextmanager
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from voicepipe_wire.service import CannotStart, Running, run_service
    from voicepipe_wire.settings import Settings

    async def slow(request):
        print("requested", flush=True)
        await asyncio.sleep(float(request.query_params["s"]))
        return PlainTextResponse("done")

    async def broken():
        raise ConnectionError("nobody there")

    async def fine():
        pass

    async def work(stop):
        if "bug" in sys.argv:
            raise RuntimeError("bug")
        await stop.wait()
        print("stopping", flush=True)
        await asyncio.sleep(1 if "slow" in sys.argv else 0)
        print("ended", flush=True)

    @asynccontextmanager
    async def start(settings, startup):
        if "lost" in sys.argv:
            raise CannotStart("It has lost its key: find it.")
        async with startup.database(settings) as pool:
            checks = {"own": broken if "unready" in sys.argv else fine}
            app = None if "worker" in sys.argv else Starlette(routes=[Route("/slow", slow)])
            yield Running(work, app, checks, {"shared": broken})
            await pool.fetchval("SELECT 1")
            print("closed", flush=True)

    sys.exit(run_service("test", Settings, start))
"""


class Service:
    def __init__(self, port, process):
        self.url = f"http://127.0.0.1:{port}"
        self.process = process

    def get(self, path, **more):
        return httpx.get(self.url + path, trust_env=False, **more)

    def answers(self):
        try:
            return self.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def status(self):
        return self.get("/readyz").json()["status"]

    def ended(self):
        """The exit status and the output after the process has ended."""
        output, _ = self.process.communicate(timeout=20)
        return self.process.returncode, output.split()


@pytest.fixture
def run(database_url, free_port):
    """Call it with words for the service and with settings; the process answers its probes."""
    started = []

    def start(*words, **settings):
        env = {f"VOICEPIPE_{name.upper()}": str(value) for name, value in settings.items()}
        defaults = {**SETTINGS, "VOICEPIPE_DATABASE_URL": database_url, "VOICEPIPE_HTTP_PORT": str(free_port)}
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SERVICE), *words],
            env=os.environ | defaults | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        service = Service(free_port, process)
        if "bug" not in words:
            eventually(service.answers, 20)
        return service

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ready(service):
    eventually(lambda: service.status() == "ready", 10)
    return service


def test_only_checks_of_the_process_itself_decide_about_readiness(run):
    service = ready(run())
    answer = service.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"own": "ok", "shared": "unavailable: ConnectionError: nobody there"}
    metrics = service.get("/metrics").text
    assert 'voicepipe_dependency_up{dependency="own"} 1.0' in metrics
    assert 'voicepipe_dependency_up{dependency="shared"} 0.0' in metrics


def test_a_process_whose_own_check_fails_is_not_ready(run):
    service = run("unready")
    eventually(lambda: service.status() == "unavailable", 10)
    assert service.get("/readyz").status_code == 503


def test_a_process_without_an_app_answers_other_paths_with_a_problem(run):
    answer = ready(run("worker")).get("/v1/transcriptions")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_process_waits_for_postgresql_and_says_so(run, private_postgres, migrated_database):
    url, server = private_postgres()
    server.kill()
    service = run(database_url=url)
    eventually(lambda: "postgresql" in service.get("/readyz").json()["checks"])
    answer = service.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "starting")
    refused = service.get("/slow", params={"s": 0})
    assert (refused.status_code, refused.json()["code"]) == (503, "starting")
    assert int(refused.headers["retry-after"]) > 0
    assert service.get("/metrics").status_code == 200
    server.start()
    # The database is there, its schema is not.
    eventually(lambda: "schema" in service.get("/readyz").json()["checks"], 20)
    assert "version 0" in service.get("/readyz").json()["checks"]["schema"]
    migrated_database(url)
    ready(service)


@pytest.fixture
def migrated_database():
    return testing.migrate


def test_a_process_that_waits_ends_at_once_when_it_is_stopped(run):
    service = run(database_url="postgresql://nobody@127.0.0.1:9/none")
    service.process.send_signal(signal.SIGTERM)
    assert service.ended() == (0, [])


def test_a_stopping_process_serves_until_its_work_has_ended(run):
    service = ready(run("slow"))
    service.process.send_signal(signal.SIGTERM)
    eventually(lambda: service.status() == "stopping")
    assert service.get("/readyz").status_code == 503
    assert service.get("/metrics").status_code == 200
    assert service.ended() == (0, ["stopping", "ended", "closed"])


def test_requests_are_accepted_while_a_stopping_process_drains(run):
    service = ready(run(drain_s=1))
    service.process.send_signal(signal.SIGTERM)
    eventually(lambda: service.status() == "stopping")
    assert service.get("/slow", params={"s": 0}).text == "done"
    assert service.ended() == (0, ["requested", "stopping", "ended", "closed"])


def test_an_open_request_is_answered_before_the_process_closes_its_connections(run):
    service = ready(run())
    with httpx.Client(trust_env=False, timeout=10) as client:
        request, answers = client.build_request("GET", f"{service.url}/slow", params={"s": 1.5}), []
        thread = threading.Thread(target=lambda: answers.append(client.send(request).text))
        thread.start()
        assert service.process.stdout.readline() == "requested\n"
        service.process.send_signal(signal.SIGTERM)
        thread.join()
    assert answers == ["done"]
    assert service.ended() == (0, ["stopping", "ended", "closed"])


def test_an_idle_process_waits_for_nothing_when_it_is_stopped(run, record_property):
    service = ready(run("worker", grace_s=300))
    started = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    assert service.ended()[0] == 0
    took_s = time.monotonic() - started
    record_property("measured", f"stopped in {took_s:.1f} s")
    assert took_s < 60


def test_a_bug_ends_the_process_with_status_1(run):
    assert run("bug").ended()[0] == 1


def test_what_no_waiting_will_bring_ends_the_process_with_status_2_and_a_sentence(database_url, free_port):
    settings = {**SETTINGS, "VOICEPIPE_DATABASE_URL": database_url, "VOICEPIPE_HTTP_PORT": str(free_port)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SERVICE), "lost"],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "test cannot start. It has lost its key: find it."
    assert "Traceback" not in done.stderr


def test_a_missing_setting_ends_the_process_with_status_2_and_is_named():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SERVICE)],
        env={name: value for name, value in os.environ.items() if not name.startswith("VOICEPIPE_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "VOICEPIPE_DATABASE_URL" in done.stderr
