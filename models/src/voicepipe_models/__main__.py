"""The `voicepipe-models` command."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .catalogue import Catalogue, catalogue_of
from .entry import Kind
from .errors import CatalogueError, ModelUnavailable
from .listing import as_json, as_table, described
from .progress import Reporter, on_stdout, size
from .references import named
from .store import State, Store

OK, DAMAGED, USAGE, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130

_EPILOG = """\
A model is a name of the catalogue (see list), or owner/name[@revision] of the Hugging Face hub.

exit codes
    0  done
    1  verify: a model is damaged, incomplete or not there
    2  the command or a file of the catalogue is wrong
    3  a model cannot be had; the message says what to do
  130  interrupted; the next pull uses what is there

environment
  VOICEPIPE_MODELS_DIR        where models are kept (.models)
  VOICEPIPE_MODELS_CATALOGUE  a folder with TOML files of your own
  VOICEPIPE_MODELS_WHEELS     a folder with wheels, looked into before the package index is asked
  VOICEPIPE_HUB_TOKEN         a token of the hub, for models that ask for consent
  VOICEPIPE_DIARIZER_PYTHON   the Python that converts speaker models (this one)
"""


def main(arguments: list[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    try:
        sys.exit(_run(given))
    except CatalogueError as error:
        print(f"voicepipe-models: {error}", file=sys.stderr)
        sys.exit(USAGE)
    except ModelUnavailable as error:
        print(f"voicepipe-models: {error}", file=sys.stderr)
        sys.exit(UNAVAILABLE)
    except KeyboardInterrupt:
        print("\nInterrupted. The next pull uses what is there.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voicepipe-models",
        description="Gets the models of Voicepipe, and tells whether they are whole.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="show what the catalogue knows and what is here")
    listing.add_argument("--json", action="store_true", help="for programs")
    pull = commands.add_parser("pull", help="get models; nothing to do where they are here")
    pull.add_argument("names", nargs="+", metavar="MODEL")
    kinds = [str(kind) for kind in Kind]
    pull.add_argument("--kind", choices=kinds, default="speech", help="what owner/name of the hub is (speech)")
    verify = commands.add_parser("verify", help="read every byte of the models that are here, or of those named")
    verify.add_argument("names", nargs="*", metavar="MODEL")
    describe = commands.add_parser("describe", help="print the [[files]] of a catalogue entry for a folder")
    describe.add_argument("folder", type=Path, metavar="FOLDER")
    return parser


def _run(given: argparse.Namespace) -> int:
    if given.command == "describe":
        print(described(given.folder))
        return OK
    catalogue = catalogue_of(os.environ)
    reporter = on_stdout()
    store = Store(Path(os.environ.get("VOICEPIPE_MODELS_DIR") or ".models").expanduser(), reporter=reporter)
    match given.command:
        case "list":
            print(as_json(catalogue, store) if given.json else as_table(catalogue, store))
            return OK
        case "pull":
            return _pull(catalogue, store, reporter, given.names, Kind(given.kind))
        case _:
            return _verify(catalogue, store, given.names)


def _pull(catalogue: Catalogue, store: Store, reporter: Reporter, names: list[str], kind: Kind) -> int:
    for name in names:
        known = catalogue.get(name)
        model = named(name, known.kind if known else kind, catalogue)
        if model is None:
            raise ModelUnavailable(f"{name} is a folder: it is used where it is, and need not be pulled.")
        if store.state(model) is State.PRESENT:
            reporter.say(f"{model.name} is in {store.path(model.name)}.")
            continue
        reporter.say(
            f"{model.name}: {model.title}, from {model.source}{_sizes(model.download_bytes, model.disk_bytes)}."
        )
        folder = store.pull(model)
        reporter.say(f"{model.name} is verified, and in {folder}.")
    return OK


def _sizes(download_bytes: int | None, disk_bytes: int | None) -> str:
    texts = [f"{size(download_bytes)} to download"] if download_bytes else []
    texts += [f"{size(disk_bytes)} on the disk"] if disk_bytes else []
    return f" ({', '.join(texts)})" if texts else ""


def _verify(catalogue: Catalogue, store: Store, names: list[str]) -> int:
    names = names or [manifest.reference for manifest in store.manifests()]
    if not names:
        print(f"There is no model in {store.folder}.")
    broken = False
    for name in names:
        model = catalogue.get(name)
        found = store.verify(model.name if model else name.replace("/", "--"), model)
        broken = broken or bool(found)
        print(
            f"{name}: {'; '.join(found)}. Repair it with: voicepipe-models pull {name}" if found else f"{name}: whole"
        )
    return DAMAGED if broken else OK


if __name__ == "__main__":
    main()
