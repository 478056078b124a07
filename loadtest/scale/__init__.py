"""What many calls need, by a model of measured figures, and a drive that holds it to the servers.

just scale                          the model's table
just scale --drive 2000             the figures of idle calls, measured on real servers here
"""
