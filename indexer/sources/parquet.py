"""Read Parquet, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from ...errors import InputError
from .records import RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import ByteStream

_BATCH_ROWS = 1000


def read_parquet(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record a row; a batch that cannot be decoded ends the reading.

    Parquet is read from its end: what is compressed or no file is unpacked to disk before.

    Raises:
        InputError: the file is no Parquet file.

    """
    import pyarrow as pa

    progress.recognise(stream.name, format="Parquet")
    with stream.seekable() as raw:
        table = _open(stream.name, raw)
        line = 0
        try:
            for batch in table.iter_batches(batch_size=_BATCH_ROWS):
                for fields in batch.to_pylist(maps_as_pydicts="lossy"):
                    line += 1
                    yield RawRecord(stream.name, line, fields)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = f"the rows from here on cannot be read ({_first_line(error)})"
            yield Rejected(reason, source=stream.name, line=line + 1, ends=True)


def _open(name: str, raw: IO[bytes]) -> Any:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(raw)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{name} is not a Parquet file ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
