// Merges the OpenAPI documents of the two services into one page.
"use strict";

const SERVICES = ["upload", "status"];

// The OpenAPI document of a service, its schemas prefixed with the service so that names cannot collide.
async function describe(service) {
  const response = await fetch(`/v1/openapi/${service}.json`);
  if (!response.ok) throw new Error(`${service} returned ${response.status}`);
  const text = (await response.text()).replaceAll("#/components/schemas/", `#/components/schemas/${service}.`);
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
      description: "Upload a recording, follow its progress, and get who said what, and when.",
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
  const unavailable = SERVICES.filter((_, index) => results[index].status === "rejected");
  if (unavailable.length) spec.info.description += ` Currently unavailable and missing here: ${unavailable.join(", ")}.`;
  SwaggerUIBundle({ spec, dom_id: "#page", deepLinking: true, persistAuthorization: false, validatorUrl: null });
}

show();
