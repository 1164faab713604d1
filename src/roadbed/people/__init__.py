"""People: who they are, what they may do in which use case, and how they sign in.

Every later stage may ask it. Owns the tables person, membership, identity, token and sign_in.
"""
