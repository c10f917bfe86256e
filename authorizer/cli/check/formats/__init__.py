"""What ``check`` prints: for people, for programs, for code scanning, for a workflow's log."""
