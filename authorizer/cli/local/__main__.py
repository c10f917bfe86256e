"""``python -m authorizer.cli.local run``: the same commands without the console script."""

from authorizer.cli.__main__ import main

if __name__ == "__main__":
    main("local")
