"""The fabricd.v1 protocol: fabricd.proto and the code that 'make proto' generates from it.

Used by northbound and client. Generated code is never edited.
"""
