"""The authorizer inside the application, where API Gateway does not ask it.

One module for each way to write an application: ``function`` for a plain Lambda handler,
``powertools`` for Powertools' Event Handler, ``starlette`` for FastAPI and Starlette. Each has one
name, ``protected``. Nothing else in the package imports them.
"""
