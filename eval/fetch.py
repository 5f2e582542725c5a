"""Fetch public collections of judgments: checked, cached, and there whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISLNK
from typing import IO

import httpx
import orjson
from filelock import FileLock

from ..encoder.folders import cache_folder
from ..errors import InputError
from ..files import full_disk_told, whole_folder, write_whole
from ..indexer.sources.fetch import shown_address

LARGEST = 4 << 30
"""4 GiB: a larger file is not fetched."""
LARGEST_UNPACKED = 20 << 30
"""20 GiB: an archive that holds more is not unpacked."""
LONGEST_SECONDS = 2 * 3600
"""Two hours: a file that takes longer is given up; the next call goes on with it."""

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MOST_REDIRECTS = 5
_CHUNK = 1 << 20

Tell = Callable[[str], None]


@dataclass(frozen=True)
class RemoteFile:
    """A file of a collection.

    Attributes:
        address: where its publisher has it.
        digest: `sha256:` or `md5:` and the hex digits that its publisher gives; empty where none
            are given.

    """

    address: str
    digest: str = ""

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.address.rsplit("/", 1)[1]

    @property
    def packed(self) -> bool:
        """Tell whether the file is an archive."""
        return self.name.endswith((".zip", ".tar.gz"))


@dataclass(frozen=True)
class Collection:
    """Judgments that anyone may fetch, and the products or documents that they are about.

    Attributes:
        layout: of the judgments, as `--layout` names it.
        judgments: what `--judgments` is given, within the collection's folder.
        catalog: what `dsv3 index` is given, within the collection's folder.
        options: of `dsv3 eval` on these judgments.

    """

    name: str
    about: str
    licence: str
    layout: str
    files: tuple[RemoteFile, ...]
    judgments: str
    catalog: str
    options: str = ""


_WANDS = "https://raw.githubusercontent.com/wayfair/WANDS/main/dataset"
_ESCI = (
    "https://media.githubusercontent.com/media/amazon-science/esci-data/main/"
    "shopping_queries_dataset/shopping_queries_dataset_"
)
_BEIR = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"
_BEIR_LICENCE = "its owners' own; see https://github.com/beir-cellar/beir/wiki/Datasets-available"


def _beir(name: str, about: str, md5: str) -> Collection:
    file = RemoteFile(f"{_BEIR}/{name}.zip", f"md5:{md5}")
    return Collection(
        name, about, _BEIR_LICENCE, "beir", (file,), f"{name}/{name}", f"{name}/{name}/corpus.jsonl"
    )


COLLECTIONS: Mapping[str, Collection] = {
    collection.name: collection
    for collection in (
        Collection(
            "wands",
            "Wayfair's WANDS: 480 queries, 42,994 products of furniture, 233,448 judgments",
            "MIT",
            "wands",
            tuple(RemoteFile(f"{_WANDS}/{name}.csv") for name in ("label", "query", "product")),
            "",
            "product.csv",
        ),
        Collection(
            "esci",
            "Amazon's Shopping Queries: products and queries in English, Spanish and Japanese",
            "Apache-2.0",
            "esci",
            (
                # As the publisher's repository names its large files.
                RemoteFile(
                    f"{_ESCI}examples.parquet",
                    "sha256:4a735b693b4a424a6fc67f5be6e4c811495c488bbf66d02a602d308b2744263a",
                ),
                RemoteFile(
                    f"{_ESCI}products.parquet",
                    "sha256:25124442d064d64b26f74082d6fa09438d679efc0c183cf28d19064a2b65a265",
                ),
            ),
            "",
            "shopping_queries_dataset_products.parquet",
            "--locale us",
        ),
        Collection(
            "chorus",
            "Chorus: queries rated by people on 19,406 products of the Icecat catalog",
            "ratings Apache-2.0; products Icecat Open Content License",
            "chorus",
            (
                RemoteFile(
                    "https://raw.githubusercontent.com/querqy/chorus/main/katas/"
                    "Broad_Query_Set_rated.csv"
                ),
                RemoteFile(
                    "https://querqy.org/datasets/icecat/icecat-products-w_price-19k-20201127.tar.gz"
                ),
            ),
            "Broad_Query_Set_rated.csv",
            "icecat-products-w_price-19k-20201127/icecat-products-w_price-19k-20201127.json",
        ),
        _beir(
            "scifact",
            "BEIR: scientific claims and 5,183 abstracts, 300 queries",
            "5f7d1de60b170fc8027bb7898e2efca1",
        ),
        _beir(
            "nfcorpus",
            "BEIR: questions of health and 3,633 abstracts, 323 queries",
            "a89dba18a62ef92f7d323ec890a0d38d",
        ),
        _beir(
            "arguana",
            "BEIR: arguments and 8,674 counterarguments, 1,406 queries",
            "8ad3e3c2a5867cdced806d6503f29b99",
        ),
        _beir(
            "scidocs",
            "BEIR: papers that cite each other among 25,657, 1,000 queries",
            "38121350fc3a4d2f48850f6aff52e4a9",
        ),
    )
}


@dataclass(frozen=True)
class Fetched:
    """A collection that lies in a folder.

    Attributes:
        digests: name of each file -> its SHA-256, 64 hex digits.

    """

    collection: Collection
    folder: Path
    digests: Mapping[str, str]

    def lines(self) -> list[str]:
        """Return the commands to go on with."""
        from shlex import quote

        shop = f"{self.collection.name}.dsv3"
        catalog = quote(str(self.folder / self.collection.catalog))
        judgments = quote(str(self.folder / self.collection.judgments))
        evaluate = f"dsv3 eval --in {shop} -j {judgments} --layout {self.collection.layout}"
        return [
            f"dsv3 index {catalog} --into {shop}",
            f"{evaluate} {self.collection.options}".rstrip(),
        ]


def find_collection(name: str) -> Collection:
    """Return the collection of this name.

    Raises:
        InputError: there is none.

    """
    if name not in COLLECTIONS:
        raise InputError(f"there is no collection {name!r}; choose one of {', '.join(COLLECTIONS)}")
    return COLLECTIONS[name]


def addresses(collection: Collection, mirror: str | None = None) -> dict[str, str]:
    """Return the name of each file and where it is fetched: `MIRROR/collection/file` on a mirror.

    Raises:
        InputError: the mirror is no web address.

    """
    if mirror is None:
        return {file.name: file.address for file in collection.files}
    if not mirror.startswith(("http://", "https://")):
        raise InputError("the mirror is no web address: http://… or https://…")
    base = f"{mirror.rstrip('/')}/{collection.name}"
    return {file.name: f"{base}/{file.name}" for file in collection.files}


def fetch_collection(
    collection: Collection, *, mirror: str | None = None, tell: Tell = lambda line: None
) -> Fetched:
    """Fetch what is not there yet into the cache folder, check it, and unpack archives.

    A file that was cut off is gone on with, where the server says that it is still the same one.
    The digest of the first fetch is noted beside the collections; another one is refused later.

    Args:
        collection: what to fetch.
        mirror: a base address to fetch from instead of the publishers' own.
        tell: called with what is done next.

    Raises:
        InputError: a file cannot be fetched, is too large, takes too long, is not the one that
            was published or fetched first, or is an archive that cannot be unpacked safely.

    """
    root = cache_folder() / "collections"
    folder = root / collection.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        told = f"{folder} cannot be made: {error.strerror}; DSV3_CACHE names another cache folder"
        raise InputError(told) from error
    wanted, digests = addresses(collection, mirror), {}
    with (
        FileLock(folder / ".lock"),
        full_disk_told(folder, "what was fetched is kept; make room and fetch again"),
    ):
        for file in collection.files:
            packed = folder / file.name
            if not packed.is_file():
                tell(f"fetching {file.name}")
                shutil.rmtree(_unpacked(packed), ignore_errors=True)
                _download(wanted[file.name], packed)
            digests[file.name] = _checked(packed, file, root / "digests.json", collection.name)
            if file.packed and not _unpacked(packed).is_dir():
                tell(f"unpacking {file.name}")
                _unpack(packed)
    return Fetched(collection, folder, digests)


def _checked(path: Path, file: RemoteFile, notes: Path, collection: str) -> str:
    """Return a file's SHA-256, compared with the published one and that of the first fetch."""
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    kind, _, published = file.digest.partition(":")
    if published:
        with path.open("rb") as content:
            ours = hashlib.file_digest(content, lambda: hashlib.new(kind, usedforsecurity=False))
        if ours.hexdigest() != published:
            path.unlink()
            raise InputError(
                f"{file.name} is not what was published: its {kind} is {ours.hexdigest()} and not "
                f"{published}; it was removed, fetch again or from elsewhere"
            )
    known = orjson.loads(notes.read_bytes()) if notes.exists() else {}
    name = f"{collection}/{file.name}"
    if known.setdefault(name, found) != found:
        path.unlink()
        raise InputError(
            f"{file.name} has changed since it was first fetched: its sha256 is {found} and not "
            f"{known[name]}; to take the new one, remove {name} from {notes}"
        )
    write_whole(notes, orjson.dumps(known, option=orjson.OPT_INDENT_2))
    return found


def _download(address: str, target: Path) -> None:
    """Fetch a file, which takes its name when all of it is there."""
    part = target.with_name(f"{target.name}.part")
    version = target.with_name(f"{target.name}.version")
    shown = shown_address(address)
    for last in (False, False, True):
        try:
            _receive(address, part, version, shown)
            break
        except httpx.TransportError as error:
            if last:
                raise InputError(
                    f"{shown} cannot be fetched ({type(error).__name__}); fetch again to go on"
                ) from error
        except httpx.HTTPError as error:
            raise InputError(f"{shown} cannot be fetched ({type(error).__name__})") from error
    part.replace(target)
    version.unlink(missing_ok=True)


def _receive(address: str, part: Path, version: Path, shown: str) -> None:
    """Ask for a file, or for the rest of it, and write what comes."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "dsv3"}
    if part.exists() and version.exists():
        headers |= {"Range": f"bytes={part.stat().st_size}-", "If-Range": version.read_text()}
    with (
        httpx.Client(
            timeout=_TIMEOUT, follow_redirects=True, max_redirects=_MOST_REDIRECTS
        ) as client,
        client.stream("GET", address, headers=headers) as response,
    ):
        schemes = [earlier.url.scheme for earlier in (*response.history, response)]
        if schemes[0] == "https" and "http" in schemes:
            raise InputError(f"{shown} redirects from https to http")
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise InputError(f"{shown}: what was fetched before does not fit; fetch again")
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            status = f"{response.status_code} {response.reason_phrase}".strip()
            raise InputError(f"{shown}: the server answers {status}")
        _save(response, part, version, shown)


def _save(response: httpx.Response, part: Path, version: Path, shown: str) -> None:
    """Write what is sent, behind what is there where the server goes on with it."""
    goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT
    size = part.stat().st_size if goes_on else 0
    if goes_on and not response.headers.get("content-range", "").startswith(f"bytes {size}-"):
        raise InputError(f"{shown}: the server sends another part than was asked for")
    expected = size + int(response.headers.get("content-length", 0))
    if not goes_on:
        version.unlink(missing_ok=True)
        tag = response.headers.get("etag", "")
        mark = tag if tag and not tag.startswith("W/") else response.headers.get("last-modified")
        if mark:
            version.write_text(mark)
    deadline = time.monotonic() + LONGEST_SECONDS
    with part.open("ab" if goes_on else "wb") as file:
        for chunk in response.iter_raw():
            size += len(chunk)
            if max(size, expected) > LARGEST:
                raise InputError(f"{shown} is larger than {LARGEST >> 30} GiB")
            if time.monotonic() > deadline:
                minutes = LONGEST_SECONDS // 60
                raise InputError(f"{shown} takes longer than {minutes} minutes; fetch again")
            file.write(chunk)


def _unpacked(packed: Path) -> Path:
    return packed.with_name(packed.name.removesuffix(".zip").removesuffix(".tar.gz"))


def _unpack(packed: Path) -> None:
    """Unpack an archive into a folder of its name, whole or not at all."""
    total = 0
    try:
        with whole_folder(_unpacked(packed)) as draft:
            for name, content in _members(packed):
                target = draft.joinpath(*_safe(name, packed).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, target.open("xb") as file:
                    while chunk := content.read(_CHUNK):
                        total += len(chunk)
                        if total > LARGEST_UNPACKED:
                            limit = LARGEST_UNPACKED >> 30
                            raise InputError(f"{packed.name} holds more than {limit} GiB")
                        file.write(chunk)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError) as error:
        raise InputError(
            f"{packed} cannot be unpacked ({error}); remove it, fetch again"
        ) from error
    except OSError as error:
        if error.errno is not None and not isinstance(error, FileExistsError):
            raise
        raise InputError(
            f"{packed} cannot be unpacked ({error}); remove it, fetch again"
        ) from error


def _members(packed: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and content of each file of an archive.

    Raises:
        InputError: it holds a link or a device.

    """
    if packed.name.endswith(".zip"):
        with zipfile.ZipFile(packed) as archive:
            for entry in archive.infolist():
                if S_ISLNK(entry.external_attr >> 16):
                    raise InputError(f"{packed.name} holds a link: {entry.filename}")
                if not entry.is_dir():
                    yield entry.filename, archive.open(entry)
        return
    with tarfile.open(packed, "r:gz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content
            elif not member.isdir():
                raise InputError(f"{packed.name} holds a link or a device: {member.name}")


def _safe(name: str, packed: Path) -> PurePosixPath:
    """Return the path of a file within an archive.

    Raises:
        InputError: it leads out of the folder it is unpacked in.

    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not path.parts:
        raise InputError(f"{packed.name} holds a file that leads out of its folder: {name!r}")
    return path
