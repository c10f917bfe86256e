"""The pictures of pages in the documents."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "docs" / "images").glob("*"))
# Each version of a picture stays in the repository's history.
MOST_BYTES = 200_000


def test_pictures_are_small_and_shown() -> None:
    """Each is a PNG of a moderate size, and some page shows it."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)

    assert [path.name for path in PICTURES if path.suffix != ".png"] == []
    assert {path.name: path.stat().st_size for path in PICTURES if big(path)} == {}
    assert [path.name for path in PICTURES if f"images/{path.name}" not in text] == []


def big(path: Path) -> bool:
    return path.stat().st_size > MOST_BYTES
