"""Imports that are put off: who has them instead, and that they come when they are needed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authorizer.deferral import deferred
from authorizer.tokens import keys

if TYPE_CHECKING:
    from pathlib import Path

NAME = "heavy_for_the_test"


@pytest.fixture
def heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that says when it is loaded, and a library that imports from it."""
    (tmp_path / f"{NAME}.py").write_text(
        "def double(number, *, by=2): return number * by\nclass Kind: FIRST = 1\nLOADED = True\n"
    )
    (tmp_path / "light_for_the_test.py").write_text(
        f"import {NAME} as heavy\nfrom {NAME} import Kind, double\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in (NAME, "light_for_the_test"):
        # Noted as absent, so that it is gone afterwards.
        monkeypatch.setitem(sys.modules, name, sys)
        monkeypatch.delitem(sys.modules, name)
    return NAME


def test_what_is_deferred_is_loaded_when_it_is_used(heavy: str) -> None:
    """Called, or looked into, however the library came by it; not before."""
    with deferred(heavy):
        light = import_module("light_for_the_test")
    assert heavy not in sys.modules

    assert light.double(2, by=3) == 6
    assert heavy in sys.modules
    assert light.Kind.FIRST == 1
    assert light.heavy.double(4) == 8


def test_others_get_the_module_itself(heavy: str) -> None:
    """Only what is imported meanwhile has a stand-in for it."""
    with deferred(heavy):
        import_module("light_for_the_test")

    assert import_module(heavy).LOADED is True


def test_a_loaded_module_is_left_alone(heavy: str) -> None:
    """Who has it already loses nothing, and what it costs is paid."""
    module = import_module(heavy)
    with deferred(heavy):
        light = import_module("light_for_the_test")
        assert sys.modules[heavy] is module

    assert light.double is module.double
    assert sys.modules[heavy] is module


def test_a_stand_in_does_not_stay(heavy: str) -> None:
    """Nor where the import fails."""
    with pytest.raises(ModuleNotFoundError), deferred(heavy):
        import_module("no_such_module_anywhere")

    assert heavy not in sys.modules


def test_jose_reads_certificates_all_the_same() -> None:
    """What another part of a program does with jose works: it is late, and not lost."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = vars(keys)["jose_jwk"].construct(pem.decode(), algorithm="RS256")

    assert key.to_pem().strip() == pem.strip()
