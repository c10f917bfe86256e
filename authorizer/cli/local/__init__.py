"""The project on this machine: the real functions behind an emulated API Gateway and Cognito.

``make run`` and ``make serve`` are made of this, and so is the system test. Nothing here talks to
AWS: every client is bound to an emulator on loopback, with credentials made up for it.

``emulator`` runs ministack, ``openapi`` and ``deploy`` put template.yaml on it, ``people`` sign
in, ``tokens`` are the good and the bad ones, ``scenario`` says what must come of them, and
``stack`` holds it together.

Beside it, functions run alone: ``runtime`` has Lambda's emulator run a built package, ``sam`` and
``start_api`` have the SAM CLI do it in containers, and ``sam_scenario`` says what must come of it
there.
"""
