"""A supervisor over dummies: `small_stack.py DATA SPEC...`; a SPEC is NAME[:FLAG...], and `,` starts the next step.

`postgres` and `triton-accurate` are the real servers; `broken` is a component that exits at once. A component with the flag `asleep`
is not started with the others.
"""

import asyncio
import sys
from itertools import groupby
from pathlib import Path

from voicepipe_local import postgres, triton
from voicepipe_local.component import Component, expect_ok
from voicepipe_local.data_dir import DataDir
from voicepipe_local.supervisor import Supervisor

data_dir = DataDir.at(Path(sys.argv[1]))


def component(spec):
    name, *flags = spec.split(":")
    if name == "postgres":
        return postgres.component(data_dir, postgres.NOT_DURABLE)
    if name == "triton-accurate":
        return triton.component(data_dir, "accurate", triton.ROOT / "tests/fixtures/whisper/model")
    port = str(data_dir.port(name))
    dummy = (str(Path(__file__).with_name("dummy.py")), name, port, str(data_dir.path / "notes"), *flags)
    command = (sys.executable, *(("-c", "print('I am broken')") if name == "broken" else dummy))
    return Component(
        name=name,
        command=command,
        address=f"127.0.0.1:{port}",
        version="1",
        healthy=lambda: expect_ok(f"http://127.0.0.1:{port}/"),
        grace_s=1.0,
    )


steps = [tuple(map(component, group)) for comma, group in groupby(sys.argv[2:], lambda spec: spec == ",") if not comma]
asleep = frozenset(spec.split(":")[0] for spec in sys.argv[2:] if "asleep" in spec.split(":"))
sys.exit(asyncio.run(Supervisor(data_dir, steps, lambda text: print(text, flush=True), asleep=asleep).run()))
