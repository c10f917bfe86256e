"""Events for the authorizer: samples, or made for any request; with a live token, and the answer.

Tokens cannot be committed, so the files carry placeholders. ``samples`` reads and fills them,
``flavours`` makes others up for a request, ``tokens`` are from a pool made for one run or from
elsewhere, and ``commands`` is ``authorizer event``, which asks the authorizer in this process.
Running an event in the function's own package, as Lambda does, is ``make invoke``.
"""
