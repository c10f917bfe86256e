"""What Lambda does before a Python function: its package first, the runtime's client behind it.

Run by file name in an interpreter that ignores the environment and has no site-packages (``-I
-S``), with the package, the folder of the runtime interface client and the handler as arguments.
What is missing in the package is therefore missing here, too.
"""

from __future__ import annotations

import os
import runpy
import sys

if __name__ == "__main__":
    package, client, handler = sys.argv[1:]
    os.chdir(package)
    sys.path[:0] = [package, client]
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
