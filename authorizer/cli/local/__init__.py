"""The project on this machine: the real functions behind an emulated API Gateway and Cognito.

``make run`` and ``make serve`` are made of this, and so is the system test. Nothing here talks to
AWS: every client is bound to an emulator on loopback, with credentials made up for it.

``emulator`` runs ministack in a process of its own (``emulator_process``: what may reach it, and
what it leaves out), ``deploy`` puts template.yaml on it. ``project`` is what
policy, template and tests say, ``users`` are who signs in by that, ``scenario`` what they ask for
and what must come of it, and ``stack`` holds it together.

Beside it, functions run alone: ``runtime`` has Lambda's emulator run a built package, and ``sam``
has the SAM CLI do it in containers. ``supervisor`` lets no process outlive us.
"""
