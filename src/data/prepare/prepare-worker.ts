/** A worker thread of `prepare`: it gets lists of texts and answers with their tokens. */
import { parentPort, workerData } from "node:worker_threads";
import { type Problem, UserError } from "../../base/errors.js";
import { loadTokenizer } from "../tokenizer/tokenizer.js";
import { type EncodableText, type EncodeChoices, type EncodedTexts, encodeTexts } from "./prepare-encode.js";

export type WorkerAnswer =
  | { readonly encoded: EncodedTexts }
  | { readonly problems: readonly Problem[] }
  | { readonly failure: unknown };

const { path, specialTokens } = workerData as EncodeChoices;
const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread only");

const loading = loadTokenizer(path);
// It is awaited with the first question; until then a failure must not count as unhandled.
loading.catch(() => {});

port.on("message", async (texts: readonly EncodableText[]) => {
  try {
    const encoded = encodeTexts(await loading, texts, specialTokens);
    port.postMessage({ encoded } satisfies WorkerAnswer, [
      encoded.ids.buffer,
      encoded.lengths.buffer,
      ...(encoded.mask === null ? [] : [encoded.mask.buffer]),
    ]);
  } catch (error) {
    const answer = error instanceof UserError ? { problems: error.problems } : { failure: error };
    port.postMessage(answer satisfies WorkerAnswer);
  }
});
