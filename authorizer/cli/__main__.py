"""The start of the ``authorizer`` command, also where its dependencies are missing."""

from __future__ import annotations

import sys

from authorizer.cli import process


def main() -> None:
    """Run the command, or say in a line what it takes."""
    process.end_at_once()
    try:
        # They may not be there, and take their time.
        from authorizer.cli.main import cli  # noqa: PLC0415
    except ModuleNotFoundError as error:
        sys.exit(
            f"the authorizer command needs {error.name}: "
            "install cognito-rbac-authorizer with its extra 'cli'"
        )
    try:
        with process.orderly_streams():
            cli.main(prog_name="authorizer")
    finally:
        process.end_at_once()  # nothing is left to be tidied up


if __name__ == "__main__":
    main()
