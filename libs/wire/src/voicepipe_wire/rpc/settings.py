"""Settings of a service that speaks gRPC beside HTTP."""

from __future__ import annotations

from pydantic import Field

from voicepipe_wire.settings import FromEnvironment


class RpcSettings(FromEnvironment):
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 9000
    # Lets clients such as grpcurl ask which methods there are.
    grpc_reflection: bool = True
    # Calls that are open at once on one connection. A gateway may share one connection among all of its clients.
    grpc_max_streams: int = Field(10_000, ge=1)
    # A connection is closed after this time, so that new replicas get their share; open calls have as long again to end.
    grpc_connection_age_s: int = Field(3600, ge=1)
