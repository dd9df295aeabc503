"""What a process logs: one JSON object on each line, also of what libraries log."""

import json
import subprocess
import sys

PROGRAM = """
import logging
import structlog
from voicepipe_wire import telemetry
telemetry.configure("tested", "info")
structlog.get_logger().info("ours", number=1)
logging.getLogger("some.library").warning("it's \\"quoted\\" %s", "text")
try:
    raise ValueError("broken")
except ValueError:
    logging.getLogger("some.library").exception("failed\\nin two lines")
logging.getLogger("some.library").info("left out")
logging.getLogger("asyncpg.pool").error("left out")
"""


def test_every_line_is_one_json_object_whoever_logs_it():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["ours", 'it\'s "quoted" text', "failed\nin two lines"]
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert {line["service"] for line in lines} == {"tested"}
    assert all(line["timestamp"] for line in lines)
    assert "ValueError: broken" in lines[2]["exception"]
