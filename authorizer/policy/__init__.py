"""The second question: may this caller use this route?"""
