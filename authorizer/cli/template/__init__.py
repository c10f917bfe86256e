"""What a SAM or CloudFormation template says of its APIs, read offline and never guessed."""

from authorizer.cli.template.reader import parse_template, read_template

__all__ = ["parse_template", "read_template"]
