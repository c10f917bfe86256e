"""A project on this machine: its functions behind an emulated API Gateway and Cognito.

``authorizer local run`` and ``serve`` are made of this, and so is the system test. Nothing here
talks to AWS: every client is bound to an emulator on loopback, with credentials made up for it.

``emulator`` runs ministack in a process of its own (``emulator_process``: what may reach it, and
what it leaves out), and ``supervisor`` lets no process outlive us. ``project`` is what policy,
template and tests say; ``deploy`` puts the API on the emulator, and ``functions`` what is behind
it, with ``backend`` in the place of each. ``users`` are who signs in, ``scenario`` what they ask
for and what must come of it, and ``stack`` holds it together.
"""
