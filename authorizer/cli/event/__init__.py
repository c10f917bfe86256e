"""The sample events in ``events/``: with a live token in them, and what the authorizer answers.

Tokens cannot be committed, so the files carry placeholders. ``samples`` reads and fills them,
``tokens`` are from a pool made for one run or from elsewhere, and ``commands`` is ``authorizer
event``, which asks the authorizer in this process. Running an event in the function's own package,
as Lambda does, is ``authorizer local invoke``.
"""
