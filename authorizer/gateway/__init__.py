"""The third question: what did API Gateway ask, and in which documents does it want the answer?"""
