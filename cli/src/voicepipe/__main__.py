"""The `voicepipe` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .commands import dead_letters, jobs, operators, speakers, transcribe
from .commands.session import GlobalOptions
from .exit_codes import MEANINGS

# Typer renders a line break only for an empty line.
_EPILOG = "\n\n".join(["Exit codes", *(f"{code.value:>5}  {meaning}" for code, meaning in MEANINGS.items())])

# Typer's pretty tracebacks print local variables, and so the API key.
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for group in (transcribe.app, jobs.app, speakers.app, operators.app):
    app.add_typer(group)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(operators.jobs, name="jobs")


@app.callback(epilog=_EPILOG)
def options(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="Address of the server (or set VOICEPIPE_URL).", metavar="URL")
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the API key (or set VOICEPIPE_API_KEY or VOICEPIPE_API_KEY_FILE).", metavar="FILE"
        ),
    ] = None,
    retry_for: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="How long to retry uploads and event streams."),
    ] = 600.0,
    grpc: Annotated[
        bool | None, typer.Option("--grpc/--rest", help="Speak gRPC (or set VOICEPIPE_GRPC=true); default: REST.")
    ] = None,
) -> None:
    """Transcribe recordings with a Voicepipe server.

    Start with: voicepipe transcribe meeting.wav
    """
    context.obj = GlobalOptions(url, api_key_file, retry_for, grpc)


def main() -> None:
    app(prog_name="voicepipe")


if __name__ == "__main__":
    main()
