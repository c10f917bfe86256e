"""What a SAM or CloudFormation template says of its APIs, read offline and never guessed."""
