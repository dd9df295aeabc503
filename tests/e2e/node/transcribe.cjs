// A client generated from proto/ at run time: sends a recording, watches it to the end, and prints the transcript and the code of
// a refusal as JSON.
//
// node transcribe.cjs PROTO_FOLDER HOST:PORT API_KEY FILE
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const protobuf = require("protobufjs");

const [folder, host, key, file] = process.argv.slice(2);
const CHUNK_BYTES = 64 * 1024;

const definition = loader.loadSync(["uploads.proto", "transcriptions.proto"].map((name) => `voicepipe/api/v1/${name}`), {
  includeDirs: [folder],
  keepCase: true,
  longs: Number,
  enums: String,
  oneofs: true,
});
const api = grpc.loadPackageDefinition(definition).voicepipe.api.v1;
const uploads = new api.Uploads(host, grpc.credentials.createInsecure());
const transcriptions = new api.Transcriptions(host, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${key}`);

// google.rpc.Status, as far as it is needed here.
const rpc = protobuf.parse(`syntax = "proto3"; package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }`, { keepCase: true }).root;

function reasonOf(error) {
  const [packed] = error.metadata.get("grpc-status-details-bin");
  const status = rpc.lookupType("google.rpc.Status").decode(packed);
  const info = status.details.find((each) => each.type_url.endsWith("/google.rpc.ErrorInfo"));
  return rpc.lookupType("google.rpc.ErrorInfo").decode(info.value).reason;
}

function create(options) {
  return new Promise((resolve, reject) => {
    let uploadId = null;
    const call = uploads.Create(metadata, (error, response) => (error ? reject(error) : resolve({ uploadId, response })));
    call.on("metadata", (initial) => ([uploadId] = initial.get("upload-id")));
    const recording = fs.readFileSync(file);
    call.write({ header: { name: path.basename(file), size_bytes: recording.length, options } });
    for (let start = 0; start < recording.length; start += CHUNK_BYTES) {
      call.write({ chunk: recording.subarray(start, start + CHUNK_BYTES) });
    }
    call.write({ trailer: {} });
    call.end();
  });
}

function messages(call) {
  return new Promise((resolve, reject) => {
    const seen = [];
    call.on("data", (message) => seen.push(message));
    call.on("end", () => resolve(seen));
    call.on("error", reject);
  });
}

async function main() {
  const { uploadId, response } = await create({ language: "en" });
  const { id } = response.transcription;
  const events = await messages(transcriptions.Watch({ id }, metadata));
  const parts = await messages(transcriptions.GetTranscript({ id }, metadata));
  const segments = parts.flatMap((part) => (part.segments ? part.segments.segments : []));
  const refusal = await create({ language: "xx" }).catch((error) => error);
  const result = {
    upload_id: uploadId,
    id,
    events: events.map((each) => each.event),
    text: segments.map((each) => each.text).join(" "),
    refusal: { status: grpc.status[refusal.code], reason: reasonOf(refusal), message: refusal.details },
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

main()
  .finally(() => [uploads, transcriptions].forEach((client) => client.close()))
  .catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  });
