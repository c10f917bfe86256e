"""The third question: what did API Gateway ask, and in what shape does it want the answer?"""
