// A page of one origin that uploads to another with the browser build of tus-js-client. jsdom applies CORS as a browser does: it sends
// preflights, and hides every header that is not exposed.
//
//   node page.mjs NODE_MODULES '{"page", "endpoint", "key", "name", "metadata", "size", "stopAfter"}'
//
// Prints what the page sees: {"status", "body"} of a failure, or {"transcription", "offsets", "resumed"}.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [modules, argument] = process.argv.slice(2)
const wanted = JSON.parse(argument)
const { JSDOM, VirtualConsole } = createRequire(`${modules}/`)('jsdom')
const { window } = new JSDOM('', { url: wanted.page, runScripts: 'outside-only', virtualConsole: new VirtualConsole() })
window.eval(readFileSync(`${modules}/tus-js-client/dist/tus.js`, 'utf8'))

const bytes = new Uint8Array(wanted.size)
bytes.set(Buffer.from('524946462423000057415645666d7420100000000100010080' + '3e0000007d00000200100064617461', 'hex'))
const file = new window.File([bytes], wanted.name, { type: wanted.metadata.type, lastModified: 0 })
const offsets = []
let transcription = null

function start(previous) {
  return new Promise((resolve, reject) => {
    const upload = new window.tus.Upload(file, {
      endpoint: wanted.endpoint,
      headers: { Authorization: `Bearer ${wanted.key}` },
      metadata: wanted.metadata,
      chunkSize: 4000,
      retryDelays: null,
      onAfterResponse: (_, response) => { transcription ??= response.getHeader('Transcription-Id') ?? null },
      onChunkComplete: (_, accepted) => {
        offsets.push(accepted)
        if (!previous && accepted === wanted.stopAfter) upload.abort().then(resolve)
      },
      onSuccess: resolve,
      onError: reject,
    })
    if (previous) upload.resumeFromPreviousUpload(previous)
    upload.start()
  })
}

try {
  await start(null)
  let resumed = false
  if (wanted.stopAfter) {
    const again = new window.tus.Upload(file, { endpoint: wanted.endpoint, metadata: wanted.metadata })
    const [previous] = await again.findPreviousUploads()
    resumed = previous !== undefined
    await start(previous)
  }
  console.log(JSON.stringify({ transcription, offsets, resumed }))
} catch (error) {
  const response = error.originalResponse
  const status = response?.getStatus() ?? 0
  console.log(JSON.stringify({ status, body: status ? response.getBody() : String(error.message ?? error) }))
}
window.close()
