"""Calls the service with grpcio: peer.py HOST:PORT CA CERTIFICATE KEY [METHOD REQUEST].

No generated code. Without a method it calls GetCheckpoint: an empty request has no bytes, and the bytes
of the answer go to standard output as they came. Else the request is given in hexadecimal, and each
answer goes out so, in a line.
"""

import sys

import grpc

METHOD = "DirectoryService/GetCheckpoint"
SECONDS = 30


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    address, authority, certificate, key, *more = sys.argv[1:]
    method, request = more or (METHOD, "")
    credentials = grpc.ssl_channel_credentials(read(authority), read(key), read(certificate))
    with grpc.secure_channel(address, credentials) as channel:
        call = channel.unary_stream(f"/liaison.v1.{method}")
        for answer in call(bytes.fromhex(request), timeout=SECONDS):
            if more:
                print(answer.hex())
            else:
                sys.stdout.buffer.write(answer)


main()
