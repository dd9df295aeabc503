"""The fake server over gRPC. It has the state and the faults of fake_server.py, and records the requests that REST would have."""

import contextlib
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
from fake_routes import FINAL, KEY, REASONS
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from voicepipe_api.v1 import transcriptions_pb2_grpc, uploads_pb2, uploads_pb2_grpc
from voicepipe_api.v1.events_pb2 import TranscriptionEvent
from voicepipe_api.v1.transcription_pb2 import Transcription
from voicepipe_wire.rpc.convert import filled, values_of

CODES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ABORTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    500: grpc.StatusCode.INTERNAL,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
}


def refuse(context, status, code, detail, retry_after_s=0):
    details = [
        ErrorInfo(reason=code.upper(), domain="voicepipe"),
        RetryInfo(retry_delay=Duration(seconds=retry_after_s)),
    ]
    packed = [Any() for _ in details]
    for each, message in zip(packed, details, strict=True):
        each.Pack(message)
    encoded = Status(code=CODES[status].value[0], message=detail, details=packed).SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", encoded),))
    context.abort(CODES[status], detail)


def break_off(context):
    """End the call as a broken connection ends it: without saying why."""
    context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")


def missing(context):
    refuse(context, 404, "not_found", "There is nothing of yours under this id.")


class Gate:
    def __init__(self, holder):
        self._holder = holder

    @property
    def fake(self):
        return self._holder.fake

    def enter(self, context, method, path, headers=None):
        """Record the request, check the key, and inject faults."""
        self.fake.requests.append((method, path, headers or {}))
        for fault in self.fake.faults.answers:
            faulty, part, status, times = fault
            if times and faulty == method and part in path:
                fault[3] -= 1
                refuse(context, status, REASONS.get(status, "unavailable"), "A component is unavailable.")
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {KEY}":
            refuse(context, 401, "key_unknown", "This API key is unknown.")


class Uploads(Gate, uploads_pb2_grpc.UploadsServicer):
    def Create(self, parts, context):  # noqa: N802 - the name of the method
        header = next(parts).header
        upload_id = header.upload_id or self._begin(context, header)
        headers = {"upload-offset": str(header.offset_bytes)}
        context.send_initial_metadata((("upload-id", upload_id),))
        self.enter(context, "PATCH", f"/v1/uploads/{upload_id}", headers)
        upload = self.fake.uploads.get(upload_id) or missing(context)
        if self.fake.faults.conflict:
            self.fake.faults.conflict -= 1
            refuse(context, 409, "superseded", "Another connection writes this upload.")
        if header.offset_bytes != len(upload.body):
            refuse(context, 409, "wrong_offset", "The offset does not match.")
        self._receive(context, parts, upload)
        self.fake.finish(upload_id, upload)
        if self.fake.faults.lose_patch_answer:
            self.fake.faults.lose_patch_answer -= 1
            break_off(context)
        return uploads_pb2.CreateTranscriptionResponse(transcription=Transcription(id=upload.job))

    def Get(self, request, context):  # noqa: N802 - the name of the method
        self.enter(context, "HEAD", f"/v1/uploads/{request.upload_id}")
        upload = self.fake.uploads.get(request.upload_id) or missing(context)
        return uploads_pb2.Upload(offset_bytes=len(upload.body), transcription_id=upload.job)

    def _begin(self, context, header):
        self.enter(context, "POST", "/v1/uploads", {"idempotency-key": header.request_id})
        metadata = {"filename": header.name, "filetype": header.media_type}
        for name, value in values_of(header.options).items():
            metadata[name] = ",".join(value) if isinstance(value, list) else str(value).lower()
        if metadata.get("language", "en") not in {"en", "auto"}:
            refuse(context, 422, "invalid_option", "language is invalid.")
        upload_id = str(uuid.uuid4())
        self.fake.begin(upload_id, header.size_bytes, metadata)
        return upload_id

    def _receive(self, context, parts, upload):
        cut_after = self.fake.faults.cut_patch.popleft() if self.fake.faults.cut_patch else None
        before = len(upload.body)
        writer = upload.writer = object()
        for part in parts:
            if upload.writer is not writer:  # a later call has taken over
                break_off(context)
            if part.HasField("trailer"):
                assert len(upload.body) == upload.size
                self.fake.hashes.append(part.trailer.sha256)
                return
            upload.body += part.chunk
            if cut_after is not None and len(upload.body) - before >= cut_after:
                del upload.body[before + cut_after :]
                break_off(context)
        break_off(context)


class Transcriptions(Gate, transcriptions_pb2_grpc.TranscriptionsServicer):
    def Get(self, request, context):  # noqa: N802 - the name of the method
        self.enter(context, "GET", f"/v1/transcriptions/{request.id}")
        job = self.fake.jobs.get(request.id) or missing(context)
        return filled(Transcription(), job.get())

    def Watch(self, request, context):  # noqa: N802 - the name of the method
        self.enter(context, "GET", f"/v1/transcriptions/{request.id}/events")
        job = self.fake.jobs.get(request.id) or missing(context)
        after = request.after_sequence
        to_come = [event for event in job.story if event[0] > after]
        if after and not to_come and job.story[-1][1] in FINAL:
            return
        cut_after = self.fake.faults.cut_events.popleft() if self.fake.faults.cut_events else None
        for sent, (sequence, kind, data) in enumerate(to_come):
            if cut_after is not None and sent == (cut_after[0] if isinstance(cut_after, tuple) else cut_after):
                if isinstance(cut_after, int):
                    break_off(context)
                return
            yield TranscriptionEvent(heartbeat={})
            yield filled(TranscriptionEvent(), {"sequence": sequence, kind.replace("-", "_"): data})


@contextlib.contextmanager
def serving_rpc(holder, port=0, credentials=None):
    """Serve `holder.fake` and yield its address; with `credentials` over TLS."""
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    uploads_pb2_grpc.add_UploadsServicer_to_server(Uploads(holder), server)
    transcriptions_pb2_grpc.add_TranscriptionsServicer_to_server(Transcriptions(holder), server)
    address = f"localhost:{port}" if credentials else f"127.0.0.1:{port}"
    bound = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield f"https://localhost:{bound}" if credentials else f"http://127.0.0.1:{bound}"
    finally:
        server.stop(None).wait()
