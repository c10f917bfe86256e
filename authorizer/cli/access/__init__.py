"""Who may do what, for every caller at once: what ``matrix`` shows and ``diff`` compares."""
