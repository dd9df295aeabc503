// Shows the two services' descriptions as the one API that a client sees.
"use strict";

const SERVICES = ["upload", "status"];

// A service's description, its schemas renamed so that both services may have one of the same name.
async function describe(service) {
  const answer = await fetch(`/v1/openapi/${service}.json`);
  if (!answer.ok) throw new Error(`${service} answers ${answer.status}`);
  const text = (await answer.text()).replaceAll("#/components/schemas/", `#/components/schemas/${service}.`);
  const document = JSON.parse(text);
  const schemas = Object.entries(document.components?.schemas ?? {});
  document.components = {
    ...document.components,
    schemas: Object.fromEntries(schemas.map(([name, schema]) => [`${service}.${name}`, schema])),
  };
  return document;
}

function merge(documents) {
  const merged = {
    openapi: "3.1.0",
    info: {
      title: "Voicepipe",
      version: documents[0]?.info.version ?? "",
      description: "Send a recording, follow it, get who said what, when.",
    },
    paths: {},
    components: { schemas: {}, securitySchemes: {} },
  };
  for (const { paths, components } of documents) {
    for (const [path, operations] of Object.entries(paths)) {
      merged.paths[path] = { ...merged.paths[path], ...operations };
    }
    Object.assign(merged.components.schemas, components.schemas);
    Object.assign(merged.components.securitySchemes, components.securitySchemes);
  }
  return merged;
}

async function show() {
  const results = await Promise.allSettled(SERVICES.map(describe));
  const documents = results.filter((each) => each.status === "fulfilled").map((each) => each.value);
  const spec = merge(documents);
  const away = SERVICES.filter((_, index) => results[index].status === "rejected");
  if (away.length) spec.info.description += ` Out of reach right now, so missing here: ${away.join(", ")}.`;
  SwaggerUIBundle({ spec, dom_id: "#page", deepLinking: true, persistAuthorization: false, validatorUrl: null });
}

show();
