"""The sample events in ``events/``: with a live token in them, and what the authorizer answers.

Tokens cannot be committed, so the files carry placeholders. ``samples`` reads and fills them,
``throwaway`` signs tokens with keys made for one run, ``sources`` are the other places a token
can come from, ``judge`` asks the authorizer in this process, and ``commands`` is
``authorizer event``. Running an event in the function's own package, as Lambda does, is
``authorizer local invoke``.
"""
