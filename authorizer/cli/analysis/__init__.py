"""What several tools have to find out about a policy and an API, found out once."""
