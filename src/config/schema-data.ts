/** The `data` section: the tokenizer, and where each domain's documents or shards are. */
import { z } from "zod";
import { CONVERSATION_FORMATS, CONVERSATION_ROLES } from "./conversation-formats.js";
import {
  columnName,
  count,
  domainName,
  flag,
  heldOutShare,
  optional,
  path,
  paths,
  section,
  texts,
  whole,
  word,
} from "./schema-leaves.js";

const domain = section("a domain", {
  documents: optional(paths),
  conversations: optional(paths),
  format: optional(word(CONVERSATION_FORMATS)),
  columns: optional(z.record(columnName, columnName, "names of columns")),
  roles: optional(z.record(columnName, word(CONVERSATION_ROLES), "names of roles")),
  template: optional(path),
  loss: optional(word(["assistant", "all"])),
  heldOut: optional(heldOutShare),
  shards: optional(path),
  heldOutShards: optional(path),
});

const tokenizer = section("the tokenizer", {
  train: optional(
    section("tokenizer training", {
      // 256 bytes and the end-of-text token are the least that a byte-level tokenizer has.
      vocabulary: whole(257, 1_000_000),
      sampleBytes: count("bytes").prefault("100M"),
    }),
  ),
  file: optional(path),
  vocabulary: optional(whole(2)),
  add: optional(
    section("new tokens", {
      tokens: texts,
      special: flag.prefault(true),
      initial: word(["pieces", "mean", "random"]).prefault("pieces"),
    }),
  ),
});

export const dataSchema = section("the data", {
  folder: optional(path),
  tokenizer: optional(tokenizer),
  domains: z.record(domainName, domain, "the domains: names, each with `documents`, `conversations` or `shards`"),
});

export type DataSource = z.output<typeof dataSchema>;
