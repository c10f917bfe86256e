"""The first question: is this token genuine, current, and meant for us?"""
