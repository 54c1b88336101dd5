/** The kinds of sources by name: the only file of the forge that knows them all. */
import type { SourceKind } from "../source-kind.js";
import { AWS_SDK } from "../sources/aws/aws-sdk.js";
import { CODE } from "../sources/code/code.js";
import { DECLARATIONS } from "../sources/declarations/declarations.js";
import { DISCOVERY } from "../sources/discovery.js";
import { GOOGLE_APIS } from "../sources/google-apis/google-apis.js";
import { OPENAPI } from "../sources/openapi/openapi.js";
import { DOCUMENTS } from "../sources/text/documents.js";
import { TEXT_FILES } from "../sources/text/text-files.js";
import { WARC } from "../sources/text/warc.js";
import { TOOL_LISTS } from "../sources/tool-lists.js";
import { TRAJECTORIES } from "../sources/trajectories/trajectories.js";

/** Each is given the settings that the plan's schema has checked for its kind. */
export const SOURCE_KINDS: Readonly<Record<string, SourceKind<never>>> = {
  "aws-sdk": AWS_SDK,
  code: CODE,
  declarations: DECLARATIONS,
  discovery: DISCOVERY,
  documents: DOCUMENTS,
  "google-apis": GOOGLE_APIS,
  openapi: OPENAPI,
  text: TEXT_FILES,
  "tool-lists": TOOL_LISTS,
  trajectories: TRAJECTORIES,
  warc: WARC,
};
