/** `hephaestus inspect`: what is in token shards. */
import type { Command } from "commander";
import { inspect } from "../commands/inspect.js";
import { loadTokenizer } from "../data/tokenizer/tokenizer.js";
import { examples, type Terminal, wholeNumber, writer } from "./options.js";

export function addInspect(root: Command, terminal: Terminal): void {
  root
    .command("inspect")
    .description(
      "Show what is in token shards: header, counts, hashes, decoded windows with ⟦what counts in the loss⟧.",
    )
    .argument("<path>", "a shard, a folder of shards, or a folder written by datasets.save_to_disk")
    .option("--check", "read everything: ids, offsets, hashes")
    .option("--windows <count>", "windows to show", wholeNumber, 3)
    .option("--tokenizer <file>", "tokenizer.json to decode them with (default: the ids)")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples(
        "inspect data/quickstart/agent/train --tokenizer data/quickstart/tokenizer.json",
        "inspect data/quickstart/text/train/part-00000.arrow --check",
      ),
    )
    .action(async (path: string, options: { check?: true; windows: number; tokenizer?: string; json?: true }) => {
      const tokenizer = options.tokenizer === undefined ? null : await loadTokenizer(options.tokenizer);
      await inspect(path, {
        check: options.check === true,
        windows: options.windows,
        decode: tokenizer === null ? null : (ids) => tokenizer.decode(ids),
        json: options.json === true,
        write: writer(terminal),
      });
    });
}
