"""``python -m authorizer.cli.local run``: the same commands without the console script."""

from authorizer.cli.local.commands import local

if __name__ == "__main__":
    local(prog_name="authorizer local")
