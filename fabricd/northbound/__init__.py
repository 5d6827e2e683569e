"""The gRPC services that users and their systems speak to.

Started by the daemon. Must not know devices or the store's tables.
"""
