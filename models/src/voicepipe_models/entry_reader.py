"""Parses a catalogue file: TOML text in, a Model out. Pure: no I/O."""

from __future__ import annotations

import re
import tomllib

from .entry import (
    MULTILINGUAL,
    NEEDED,
    Conversion,
    File,
    FolderSource,
    HubSource,
    Kind,
    Licence,
    Member,
    Model,
    PackageSource,
    Source,
    Tier,
    UrlSource,
    Wheel,
)
from .errors import CatalogueError
from .toml_table import NAME, Table

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_URL = re.compile(r"https?://[^\s]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODULE = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*")


def read_model(name: str, text: str) -> Model:
    """The model that the file `NAME.toml` describes.

    Raises:
        CatalogueError: names the file and the key.
    """
    try:
        top = Table(f"{name}.toml", "", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name}.toml is not TOML: {error}.") from error
    if not NAME.fullmatch(name):
        raise CatalogueError(
            f"{name}.toml: the file name must be the model's name: lower-case letters, digits, '.', '-', '_'."
        )
    kind = top.one_of("kind", Kind)
    needs = top.table("needs") if "needs" in top else None
    model = Model(
        name=name,
        title=top.text("title"),
        kind=kind,
        tier=top.one_of("tier", Tier) if kind is Kind.SPEECH else None,
        licences=tuple(_licence(table) for table in top.tables("licences")),
        languages=_languages(top),
        memory_mb=needs.positive("memory_mb") if needs else None,
        source=_source(top.table("source")),
        raw_files=tuple(_file(table) for table in top.tables("files")) if "files" in top else (),
        conversion=_conversion(top.table("convert")) if "convert" in top else None,
        aliases=top.texts("aliases") if "aliases" in top else (),
    )
    if needs:
        needs.end()
    top.end()
    _check_across_keys(top, model)
    return model


def _licence(table: Table) -> Licence:
    return table.ended(Licence(table.text("component"), table.text("spdx"), table.text("attribution")))


def _languages(top: Table) -> tuple[str, ...]:
    if top.holds("languages", str):
        if (word := top.text("languages")) != MULTILINGUAL:
            raise top.wrong("languages", f"must be a list of codes or '{MULTILINGUAL}', not {word!r}")
        return (MULTILINGUAL,)
    return top.texts("languages", _LANGUAGE, "an ISO 639 code such as 'en'")


def _source(table: Table) -> Source:
    source: Source
    match table.text("type"):
        case "package":
            source = PackageSource(tuple(_wheel(wheel) for wheel in table.tables("wheels")))
        case "hub":
            repository = table.text("repository", REPOSITORY, "owner/name")
            source = HubSource(repository, table.text("revision"))
        case "folder":
            source = FolderSource(table.text("path"))
        case "url":
            source = UrlSource()
        case other:
            raise table.wrong("type", f"must be package, hub, folder or url, not {other!r}")
    return table.ended(source)


def _wheel(table: Table) -> Wheel:
    wheel = Wheel(
        package=table.text("package"),
        version=table.text("version"),
        filename=table.path("filename"),
        size_bytes=table.positive("size_bytes"),
        sha256=table.text("sha256", _SHA256, "64 hexadecimal digits"),
    )
    if "/" in wheel.filename or not wheel.filename.endswith(".whl") or wheel.filename.count("-") < 4:  # noqa: PLR2004
        raise table.wrong("filename", "must be the name of a wheel: name-version-python-abi-platform.whl")
    return table.ended(wheel)


def _file(table: Table) -> File:
    members = table.tables("members") if "members" in table else ()
    return table.ended(
        File(
            path=table.path("path"),
            size_bytes=table.positive("size_bytes"),
            sha256=table.text("sha256", _SHA256, "64 hexadecimal digits"),
            members=tuple(member.ended(Member(member.text("package"), member.path("path"))) for member in members),
            url=table.text("url", _URL, "an http or https URL") if "url" in table else "",
        )
    )


def _conversion(table: Table) -> Conversion:
    files = tuple(_file(file) for file in table.tables("files")) if "files" in table else ()
    return table.ended(Conversion(table.text("module", _MODULE, "a Python module"), files))


def _check_across_keys(top: Table, model: Model) -> None:
    """Check the rules that involve several keys."""
    _check_once(top, "files", model.raw_files)
    if model.conversion:
        _check_once(top, "convert.files", model.conversion.files)
    if isinstance(model.source, HubSource):
        if model.raw_files or model.conversion:
            raise top.wrong("files", "must not be given for a hub source: its files are known only after a pull")
        return
    if not model.raw_files:
        raise top.wrong("files", "is missing: every file with its path, size_bytes and sha256")
    for file in model.raw_files:
        _check_origin(top, model.source, file)
    if model.pinned and (missing := set(NEEDED[model.kind]) - {file.path for file in model.files}):
        raise top.wrong("files", f"must include {', '.join(sorted(missing))}: a {model.kind} model needs it")


def _check_once(top: Table, key: str, files: tuple[File, ...]) -> None:
    paths = [file.path for file in files]
    if twice := {path for path in paths if paths.count(path) > 1}:
        raise top.wrong(key, f"names {', '.join(sorted(twice))} more than once")


def _check_origin(top: Table, source: Source, file: File) -> None:
    key = f"files ({file.path})"
    known = {wheel.package for wheel in source.wheels} if isinstance(source, PackageSource) else set()
    if bool(file.members) != isinstance(source, PackageSource):
        raise top.wrong(key, "must have members if, and only if, the source is package")
    if bool(file.url) != isinstance(source, UrlSource):
        raise top.wrong(key, "must have a url if, and only if, the source is url")
    if unknown := {member.package for member in file.members} - known:
        raise top.wrong(key, f"refers to {', '.join(sorted(unknown))}, which is not in source.wheels")
