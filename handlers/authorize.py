"""The authorizer's function: what the package has, and a place for what is one's own.

A function may wrap it without copying it: fields for its logs, a context for its backends.

    from authorizer.aws_lambda import handler as authorize, logger

    logger.append_keys(team="payments")

    def handler(event, context):
        answer = authorize(event, context)   # raises what API Gateway makes a 401 or a 500
        answer["context"]["tenant"] = "..."  # flat texts alone
        return answer
"""

from authorizer.aws_lambda import handler

__all__ = ["handler"]
