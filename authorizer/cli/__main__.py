"""The start of the ``authorizer`` command, also where its dependencies are missing."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command, or say in a line what it takes."""
    try:
        from authorizer.cli.main import cli  # noqa: PLC0415 - it may not be there
    except ModuleNotFoundError as error:
        sys.exit(
            f"the authorizer command needs {error.name}: in the checkout, pip install '.[cli]'"
        )
    cli()


if __name__ == "__main__":
    main()
