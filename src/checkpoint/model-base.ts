/** What a plan's `model.from` names, read before anything else of it: the numbers of its `config.json`. */
import { join } from "node:path";
import type { ModelBase } from "../config/plan.js";
import { fromHuggingFaceConfig, ignoredFields } from "../model/hugging-face.js";
import { CONFIG_FILE } from "./format.js";
import { readJsonObjectNow } from "./json.js";

/**
 * @param folder a Hugging Face folder or one of our checkpoints.
 * @throws UserError when there is no `config.json`, or it describes a model that is not covered.
 */
export function readModelBase(folder: string): ModelBase {
  const path = join(folder, CONFIG_FILE);
  const config = readJsonObjectNow(path);
  const { vocabulary, ...shape } = fromHuggingFaceConfig(config, path);
  return { folder, modelType: String(config["model_type"]), vocabulary, shape, ignored: ignoredFields(config) };
}
