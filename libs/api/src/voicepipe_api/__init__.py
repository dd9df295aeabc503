"""The gRPC API of Voicepipe: stubs in `v1`, which `make proto` generates from proto/voicepipe/api/v1."""

from .v1 import admin_pb2, installation_pb2, transcriptions_pb2, uploads_pb2

# The names of all services, whichever process serves them.
SERVICES: tuple[str, ...] = tuple(
    service.full_name
    for file in (uploads_pb2, transcriptions_pb2, installation_pb2, admin_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
)
