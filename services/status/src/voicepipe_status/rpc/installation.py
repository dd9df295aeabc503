"""The gRPC service `Installation`."""

from __future__ import annotations

from voicepipe_api.v1 import installation_pb2 as api
from voicepipe_wire import __version__
from voicepipe_wire.rpc.call import Call
from voicepipe_wire.rpc.convert import filled

from voicepipe_status.dependencies import Dependencies
from voicepipe_status.operations import installation


class Installation:
    """Each method has the name of a method of the service; see proto/voicepipe/api/v1/installation.proto."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def get_capabilities(self, _: Call, __: api.GetCapabilitiesRequest) -> api.Capabilities:
        found = await installation.capabilities(self._dependencies)
        return filled(api.Capabilities(), found.model_dump())

    async def get_version(self, _: Call, __: api.GetVersionRequest) -> api.Version:
        return api.Version(service="status", version=__version__)
