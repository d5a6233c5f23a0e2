"""The vendor's Platform SDK for Java as a transport (docs/transports.md).

Layers, each knowing only those before it: address, sdk (Java classes), tls, channel.
"""
