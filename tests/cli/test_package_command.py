"""``authorizer package``: what it must not overwrite, read or run."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result

from authorizer.cli import package as module
from authorizer.cli.main import cli

PROJECT = Path(__file__).parents[2]
INSTALL = module._install


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With libraries at hand: what pip installs is not what these are about."""
    libraries = tmp_path / "libraries"
    (libraries / "python_jose-3.5.0.dist-info").mkdir(parents=True)
    monkeypatch.setattr(module, "_install", lambda _lock, folder, _: copytree(libraries, folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = tmp_path / "project"
    project.mkdir()
    for name in ("policy.yaml", "template.yaml"):
        (project / name).write_bytes((PROJECT / name).read_bytes())
    monkeypatch.chdir(project)


def package(*arguments: str) -> Result:
    """For this machine."""
    asked = ["package", "-t", "template.yaml", "--for-this-machine", *arguments]
    return CliRunner().invoke(cli, asked, catch_exceptions=False)


def test_a_folder_of_ones_own_stays() -> None:
    """Even if something of it is called as ours is; a package is replaced."""
    for name in ("lambdas/authorizer/app.py", "lambdas/orders/app.py"):
        Path(name).parent.mkdir(parents=True)
        Path(name).touch()
    refused = package("-o", "lambdas")
    assert refused.exit_code == 1
    assert "installing" not in refused.output  # it is said before anything takes time
    assert "found something else" in refused.output
    assert Path("lambdas/orders/app.py").exists()
    assert [package("-o", "made").exit_code for _ in range(2)] == [0, 0]
    assert Path("made/policy.json").exists()


def test_what_is_included_is_from_here_and_takes_no_place_of_ours(tmp_path: Path) -> None:
    """Neither by a link."""
    Path("rbac.py").write_text("x = 1\n")
    assert package("-o", "made", "--include", "rbac.py").exit_code == 0
    assert Path("made/rbac.py").exists()
    (tmp_path / "outside.py").touch()
    Path("link.py").symlink_to(tmp_path / "outside.py")
    Path("authorizer").mkdir()
    Path("authorizer/errors.py").touch()
    for included in (
        "link.py",
        "../outside.py",
        str(tmp_path / "outside.py"),
        "authorizer/errors.py",
    ):
        refused = package("-o", "other", "--include", included)
        assert refused.exit_code == 1
        assert "expected a path here or below" in refused.output
    assert not Path("other").exists()


def test_nothing_of_the_current_folder_is_run() -> None:
    """A file that is called as one of Python's modules is not taken for it."""
    Path("compileall.py").write_text("import pathlib; pathlib.Path('ran').touch()\n")
    assert package("-o", "made").exit_code == 0
    assert not Path("ran").exists()


def test_what_is_unsafe_is_not_packaged() -> None:
    """But for this machine, where one looks into it."""
    template = Path("template.yaml")
    template.write_text(
        template.read_text().replace(
            "Path: /hello, Auth: {Authorizer: RbacCached}", "Path: /hello, Auth: {Authorizer: NONE}"
        )
    )
    refused = CliRunner().invoke(cli, ["package", "-t", "template.yaml", "-o", "made"])
    assert refused.exit_code == 1
    assert "error X101" in refused.output
    assert not Path("made").exists()


def test_libraries_are_kept_where_nobody_else_can_write(tmp_path: Path) -> None:
    """Whatever the umask; a folder that others can write is not trusted."""
    (tmp_path / "libraries").chmod(0o775)  # as pip makes it with an umask of 002
    assert [package("-o", "made").exit_code for _ in range(2)] == [0, 0]
    kept = tmp_path / "cache" / "authorizer"
    kept.chmod(0o777)
    refused = package("-o", "made")
    assert refused.exit_code == 1
    assert "expected what nobody else can write" in refused.output


def test_without_a_network_it_says_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words of ours, and without each try of pip's."""
    monkeypatch.setattr(module, "_install", INSTALL)
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "1",
    }.items():
        monkeypatch.setenv(name, value)
    refused = package("-o", "made")
    assert refused.exit_code == 1
    assert "the libraries could not be installed" in refused.output
    assert "see that there are both, and the network" in refused.output
    assert "No matching distribution found" in refused.output
    assert "Retrying" not in refused.output
    assert not Path("made").exists()
