"""A dummy service: returns 200, appends its name to a file when it receives SIGTERM, and can misbehave.

    dummy.py NAME PORT NOTES [stubborn] [parent] [slow] [silent]

`stubborn` ignores SIGTERM; `parent` starts a child in a separate session that would run forever; `slow` answers only after a second, and
`silent` never.
"""

import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

name, port, notes, *flags = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def end(*_):
    with Path(notes).open("a") as file:
        file.write(f"{name}\n")
    if "stubborn" not in flags:
        sys.exit(0)


signal.signal(signal.SIGTERM, end)
if "parent" in flags:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1e6)"], start_new_session=True)
    Path(f"{notes}.child").write_text(str(child.pid))
if "slow" in flags:
    time.sleep(1)
while "silent" in flags:
    time.sleep(1)
HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
