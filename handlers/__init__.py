"""Lambda entry points. Powertools belongs here, and nowhere below."""
