"""The vendor's Platform SDK for Java as a transport (docs/domain.md section 6, docs/transports.md).

Layers, each knowing only those before it: address, sdk (Java classes), tls, channel.
"""
