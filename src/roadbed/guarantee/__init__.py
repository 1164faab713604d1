"""The risk limit, enforced: certificates, the running audit, the automation state, notices, stress.

May know reviews, examples and versions. Owns the tables certificate, weak_example, notice
and running_*.
"""
