"""WCCP version 2, the router's side: messages, services, assignments, and who is usable.

The protocol is draft-wilson-wrec-wccp-v2-01 (Cisco, 2001); numbers in comments are its sections. Where Squid reads a message
otherwise than the draft draws it, Squid is followed and the comment says so: Squid is what the router is here for.
"""
