"""Build-time and local tools. Never shipped to Lambda, never imported by the rest."""
