"""Shows client certificates to the service, each with three stacks that are not its own.

certificates.py CA SCHEMA MEMBERS ADMINISTRATION FOLDER...: the service's authority, the schema for buf,
the two ports as HOST:PORT, and folders with certificate.pem and key.pem (none of them: none is shown).
For each folder a line of five verdicts: of grpcio (BoringSSL), of Python's ssl (OpenSSL, beneath grpcio)
and of `buf curl` (Go) on the members' port, and of the first two on the administration's. A verdict is `served`,
the reason of a refusal, `handshake` if the connection was broken off, or `client` if this client itself
will not show the certificate.
"""

import asyncio
import base64
import contextlib
import json
import os
import ssl
import sys

import grpc

METHODS = ("DirectoryService/GetCheckpoint", "AdminService/GetStanding")
REASONS = (b"NOT_PERMITTED", b"CERTIFICATE")
SECONDS = 30
AT_ONCE = 4
ALONE = ("grpc.use_local_subchannel_pool", 1)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def reason(details):
    return next((reason.decode() for reason in REASONS if reason in details), None)


async def called(channel, method):
    try:
        await channel.unary_unary(f"/liaison.v1.{method}")(b"", timeout=SECONDS)
        return "served"
    except grpc.aio.AioRpcError as error:
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        return reason(details) or broken(error)


def broken(error):
    if error.code() is not grpc.StatusCode.UNAVAILABLE:
        return error.code().name
    return "client" if "create security handshaker" in error.details() else "handshake"


async def by_grpcio(ca, shown, address, method):
    pair = [read(path) for path in reversed(shown)] or [None, None]
    credentials = grpc.ssl_channel_credentials(read(ca), *pair)
    async with grpc.aio.secure_channel(address, credentials, options=[ALONE]) as channel:
        return await called(channel, method)


async def by_openssl(ca, shown, address, method):
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["h2"])
    try:
        if shown:
            context.load_cert_chain(*shown)
    except ssl.SSLError:
        return "client"
    async with tunnel(context, address) as port:
        options = [ALONE, ("grpc.default_authority", "localhost")]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            return await called(channel, method)


@contextlib.asynccontextmanager
async def tunnel(context, address):
    """A port whose connections go on to the address, in TLS."""
    host, port = address.rsplit(":", 1)

    async def carry(reader, writer):
        with contextlib.closing(writer), contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(host, port, ssl=context)
            with contextlib.closing(far_writer):
                both = pump(reader, far_writer), pump(far_reader, writer)
                await asyncio.wait(map(asyncio.create_task, both), return_when="FIRST_COMPLETED")

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def pump(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def by_buf(ca, shown, address, method, schema):
    pair = ["--cert", shown[0], "--key", shown[1]] if shown else []
    curl = await asyncio.create_subprocess_exec(
        "buf", "curl", "--protocol", "grpc", "--schema", schema, "--cacert", ca, *pair,
        f"https://{address}/liaison.v1.{method}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await asyncio.wait_for(curl.communicate(), SECONDS)
    if curl.returncode == 0:
        return "served"
    try:
        error = json.loads(said)
    except ValueError:
        return "client"
    values = b"".join(base64.b64decode(of["value"] + "==") for of in error.get("details", ()))
    return reason(values) or ("client" if error["message"].startswith("tls: ") else "handshake")


async def judged(arguments, folder):
    ca, schema, *ports = arguments
    shown = [os.path.join(folder, name) for name in ("certificate.pem", "key.pem")]
    shown = [path for path in shown if os.path.exists(path)]
    members, administration = zip(ports, METHODS)
    verdicts = [
        await by_grpcio(ca, shown, *members),
        await by_openssl(ca, shown, *members),
        await by_buf(ca, shown, *members, schema),
        await by_grpcio(ca, shown, *administration),
        await by_openssl(ca, shown, *administration),
    ]
    return " ".join(verdicts)


async def main():
    arguments, folders = sys.argv[1:5], sys.argv[5:]
    at_once = asyncio.Semaphore(AT_ONCE)

    async def row(folder):
        async with at_once:
                return await judged(arguments, folder)

    print(*await asyncio.gather(*map(row, folders)), sep="\n")


asyncio.run(main())
