"""The server over gRPC. Imported only when it is used: REST needs none of its libraries."""
