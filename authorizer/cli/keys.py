"""``authorizer keys pull``: a user pool's keys in a file, to be shipped with the function."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import click

from authorizer.cli.options import FILE, write_file
from authorizer.cli.text import counted, listed, plain
from authorizer.tokens.fetch import fetch_document
from authorizer.tokens.keys import KeySet, KeySetError
from authorizer.tokens.pool import UserPool


@click.group()
def keys() -> None:
    """The keys of a user pool, for a function that ships them."""


@keys.command()
@click.argument("pool")
@click.option(
    "--output",
    "-o",
    type=FILE,
    metavar="FILE",
    default=Path("jwks.json"),
    show_default=True,
    help="File to write.",
)
@click.option(
    "--jwks-url", metavar="URL", help="Where the keys are; default: at the pool's issuer."
)
def pull(pool: str, output: Path, jwks_url: str | None) -> None:
    """Write the keys of POOL, such as eu-west-1_AbCdEfGhI, to a file.

    A function that ships them needs no network when it starts. Says what changed since the file was
    written, and which setting makes the function read it.
    """
    document = fetch_document(
        UserPool(pool, ["any"], jwks_url=jwks_url).jwks_url, deadline=timedelta(seconds=10)
    )
    found = KeySet.parse(document).keys
    before, date = set[str](), ""
    with suppress(OSError, KeySetError):
        before = set(KeySet.parse(output.read_bytes()).keys)
        date = f"{datetime.fromtimestamp(output.stat().st_mtime, UTC):%Y-%m-%d}"
    write_file(output, document)
    click.echo(
        f"{output}: {counted(len(found), 'key')} of {pool}, digest "
        f"{sha256(document).hexdigest()[:16]}"
    )
    for word, ids in (("new", found.keys() - before), ("gone", before - found.keys())):
        if ids and date:
            click.echo(f"{word} since {date}: {listed([plain(key_id) for key_id in sorted(ids)])}")
    click.echo(
        f"ship it: authorizer package --include {output} ..., and give the function\n"
        f"AUTHORIZER_JWKS_FILES={pool}={output.as_posix()}"
    )
