"""A TLS 1.3 server that answers with tickets (RFC 8446, 4.6.1) for ever: records without data.

OpenSSL's own server sends as many as are asked for, but no faster than they are read. Here many
are packed into each record, by hand, with the keys of the connection: to send them costs less than
to read them.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")
_TICKET = (
    b"\x04\x00\x00\x0e"  # NewSessionTicket, of 14 bytes
    b"\x00\x00\x0e\x10\x00\x00\x00\x00"  # its lifetime, an hour, and an obfuscation
    b"\x00\x00\x01t\x00\x00"  # no nonce, a ticket of one byte, no extensions
)
_HANDSHAKE = b"\x16"
_RECORD = _TICKET * (16_384 // len(_TICKET)) + _HANDSHAKE
_TAG_BYTES = 16


@contextmanager
def pouring_tickets(context: ssl.SSLContext, key_log: Path) -> Iterator[tuple[int, list[int]]]:
    """Serve one connection; its port, and the number of records sent so far."""
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # the first record after the handshake is ours
    context.keylog_filename = str(key_log)
    sent, over = [0], threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def pour() -> None:
            connection = listening.accept()[0]
            connection.settimeout(0.5)
            with connection, suppress(OSError):
                cipher = _handshake(connection, context)
                for record in _records(cipher, key_log):
                    _send(connection, record, over)
                    sent[0] += 1

        pouring = threading.Thread(target=pour)
        pouring.start()
        yield listening.getsockname()[1], sent
        over.set()
        pouring.join()


def _send(connection: socket.socket, record: bytes, over: threading.Event) -> None:
    """Send all of it, however slowly it is read: a reader who hangs up may leave us waiting."""
    while record:
        try:
            record = record[connection.send(record) :]
        except TimeoutError:
            if over.is_set():
                raise


def _handshake(connection: socket.socket, context: ssl.SSLContext) -> str:
    """Let a client in, and read its request; the name of the cipher."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_side=True)

    def complete(step: Callable[[], T]) -> T:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65_536))

    complete(session.do_handshake)
    complete(lambda: session.read(4096))
    cipher = session.cipher()
    assert cipher is not None
    return cipher[0]


def _records(cipher: str, key_log: Path) -> Iterator[bytes]:
    """Encrypted records of tickets (RFC 8446, 5.2), with the keys that the log tells."""
    (secret,) = (
        bytes.fromhex(line.split()[2])
        for line in key_log.read_text().splitlines()
        if line.startswith("SERVER_TRAFFIC_SECRET_0")
    )
    is_long = cipher == "TLS_AES_256_GCM_SHA384"
    algorithm = hashes.SHA384() if is_long else hashes.SHA256()

    def derive(label: bytes, length: int) -> bytes:
        name = b"tls13 " + label
        info = b"\0%c%c%b\0" % (length, len(name), name)
        return HKDFExpand(algorithm=algorithm, length=length, info=info).derive(secret)

    sealing, mask = AESGCM(derive(b"key", 32 if is_long else 16)), derive(b"iv", 12)
    header = b"\x17\x03\x03" + (len(_RECORD) + _TAG_BYTES).to_bytes(2, "big")
    number = int.from_bytes(mask, "big")
    sequence = 0
    while True:
        nonce = (number ^ sequence).to_bytes(12, "big")
        yield header + sealing.encrypt(nonce, _RECORD, header)
        sequence += 1
