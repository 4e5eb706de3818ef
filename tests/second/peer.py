"""Calls GetCheckpoint with grpcio: peer.py HOST:PORT CA CERTIFICATE KEY.

No generated code: an empty request has no bytes, and the bytes of the answer go to standard output
as they came.
"""

import sys

import grpc

METHOD = "/liaison.v1.DirectoryService/GetCheckpoint"
SECONDS = 30


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    address, authority, certificate, key = sys.argv[1:]
    credentials = grpc.ssl_channel_credentials(read(authority), read(key), read(certificate))
    with grpc.secure_channel(address, credentials) as channel:
        call = channel.unary_unary(METHOD)
        sys.stdout.buffer.write(call(b"", timeout=SECONDS))


main()
