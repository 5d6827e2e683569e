"""The fabricd and fabricctl commands.

Entry points. Must hold no logic that another program could want.
"""
