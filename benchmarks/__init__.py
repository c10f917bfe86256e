"""What a decision costs, side by side with others on the same policies and the same requests.

Not shipped, and not imported by anything that is.
"""
