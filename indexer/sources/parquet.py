"""Read Parquet, a batch of rows at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ...errors import InputError
from .records import RawRecord, Rejected, SourceProgress
from .stream import existing_file, open_stream

_BATCH_ROWS = 1000


def read_parquet(spec: str, progress: SourceProgress) -> Iterator[RawRecord | Rejected]:
    """Yield a record a row; a batch that cannot be decoded ends the reading.

    Raises:
        InputError: the file is no Parquet file.

    """
    import pyarrow as pa

    size = existing_file(spec).stat().st_size
    with _seekable(spec) as raw:
        table = _open(spec, raw)
        rows = table.metadata.num_rows
        line = 0
        progress.follow(lambda: size * line // max(rows, 1))
        try:
            for batch in table.iter_batches(batch_size=_BATCH_ROWS):
                for fields in batch.to_pylist(maps_as_pydicts="lossy"):
                    line += 1
                    yield RawRecord(spec, line, fields)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = f"the rows from here on cannot be read ({_first_line(error)})"
            yield Rejected(reason, source=spec, line=line + 1, ends=True)
    progress.finish(size)


def _open(spec: str, raw: IO[bytes]) -> Any:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(raw)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{spec} is not a Parquet file ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


@contextmanager
def _seekable(spec: str) -> Iterator[IO[bytes]]:
    """Open the file; one inside gzip is unpacked to disk, since Parquet is read from its end."""
    if not spec.endswith(".gz"):
        with Path(spec).open("rb") as raw:
            yield raw
        return
    with tempfile.TemporaryFile() as unpacked:
        with open_stream(spec, SourceProgress()) as packed:
            shutil.copyfileobj(packed.body, unpacked, 1 << 20)
            if packed.problem:
                raise InputError(f"{spec}: {packed.problem}")
        unpacked.seek(0)
        yield unpacked
