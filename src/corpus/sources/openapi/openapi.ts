/** The kind `openapi`: OpenAPI 2 (Swagger), 3.0 and 3.1, as JSON or YAML. References into other files are left open. */
import { apiDescriptions } from "../api-descriptions.js";
import { isOpenApi, operationsOf } from "./operations.js";

export const OPENAPI = apiDescriptions({
  files: /\.(?:json|ya?ml)$/i,
  tools: (document) => (isOpenApi(document) ? operationsOf(document) : []),
  whyNone: (document) =>
    isOpenApi(document) ? "the document has no operations" : "the document does not say that it is OpenAPI 2 or 3",
});
