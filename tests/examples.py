"""How many examples a property is tried on.

``make properties`` and ``make fuzz`` try all of them, round after round. Of slow properties, every
other run tries an eighth, which shows most mistakes at once.
"""

from __future__ import annotations

import os


def examples(most: int) -> int:
    """Of so many examples, those that this run tries."""
    return most if "TRY_ALL_EXAMPLES" in os.environ else most // 8
