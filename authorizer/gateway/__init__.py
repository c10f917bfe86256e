"""The third question: what did API Gateway ask?"""
