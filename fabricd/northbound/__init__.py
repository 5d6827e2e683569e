"""The gRPC interface for users: the fabricd.v1 service, who may call what, health and reflection.

Started by the daemon, spoken to by client. Knows no device protocol; decides nothing that reconcile decides.
"""
