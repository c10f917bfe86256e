"""Names of files as code hosts want them: relative to the folder that ``check`` runs in."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote


def relative(file: str) -> str:
    """The file below this folder, with slashes; a file elsewhere as it was named."""
    path = Path(file)
    try:
        path = (Path.cwd() / path).resolve().relative_to(Path.cwd().resolve())
    except (OSError, ValueError):  # elsewhere, or a name that no file can have
        return file
    return path.as_posix()


def uri(file: str) -> str:
    """A relative reference, or a ``file:`` URI for a file elsewhere."""
    name = relative(file)
    encoded = quote(name, safe="/~", errors="surrogatepass")
    return f"file://{encoded}" if name.startswith("/") else encoded
