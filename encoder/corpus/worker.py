"""One encoding process: batches of texts in by stdin, vectors out by stdout.

Started by `workers.py` as `python -m dsv3.encoder.corpus.worker NAME RUNTIME`. It ends when its
input does, so it never outlives the process that feeds it. Frames are length-prefixed bytes: in, a
JSON list of texts; out, a status byte and then float32 vectors or an error's message.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import IO

from ...errors import Dsv3Error
from ..load import load_encoder

LENGTH = struct.Struct("<Q")
READY, VECTORS, FAILED = b"R", b"V", b"F"


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Read one frame; None where the stream ends."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def write_frame(stream: IO[bytes], *parts: bytes) -> None:
    """Write one frame made of parts and send it off."""
    stream.write(LENGTH.pack(sum(map(len, parts))))
    for part in parts:
        stream.write(part)
    stream.flush()


def main(name: str, runtime: str) -> None:
    """Load the encoder on one thread, say so, and encode until the input ends."""
    # Whatever a library prints must not land among the frames.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        encoder = load_encoder(name, threads=1, runtime=runtime)
    except Dsv3Error as error:
        write_frame(replies, FAILED, str(error).encode())
        return
    write_frame(replies, READY, encoder.fingerprint.encode())
    while (request := read_frame(sys.stdin.buffer)) is not None:
        try:
            vectors = encoder.encode_documents(json.loads(request))
        except Exception as error:  # whatever it is, the parent reports it
            write_frame(replies, FAILED, f"{type(error).__name__}: {error}".encode())
            return
        write_frame(replies, VECTORS, vectors.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:3])
