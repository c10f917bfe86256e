"""Titles of the findings of the template rules."""

from __future__ import annotations

TEMPLATE_TITLES: dict[str, str] = {}
