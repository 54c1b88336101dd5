/** Rules between the keys of `data`. Each speaks only when the keys it needs are valid. */
import { resolve } from "node:path";
import { DEFAULT_FORMAT, FORMAT_COLUMNS } from "./conversation-formats.js";
import type { Draft } from "./draft.js";
import type { PlanProblems } from "./problems.js";
import type { DataSource } from "./schema-data.js";

/** @param from `model.from`; undefined where it is wrong. */
export function checkData(data: Draft<DataSource>, from: string | null | undefined, problems: PlanProblems): void {
  const tokenizer = data?.tokenizer;
  if (data !== undefined) checkTokenizer(tokenizer, from, problems);
  if (tokenizer?.vocabulary && tokenizer.train)
    problems.add(["data", "tokenizer", "vocabulary"], {
      what: "`vocabulary` goes with `file`",
      hint: "for a tokenizer that is trained, give it as `train: { vocabulary }`",
    });
  if (data?.domains === undefined) return;
  if (Object.keys(data.domains).length === 0)
    problems.add(["data", "domains"], {
      what: "there are no domains",
      expected: "at least one name with `documents`, `conversations` or `shards`",
    });
  for (const [name, domain] of Object.entries(data.domains)) checkDomain(name, domain, problems);
}

/** A model that is continued has a tokenizer beside it. */
function checkTokenizer(
  tokenizer: Draft<DataSource["tokenizer"]>,
  from: string | null | undefined,
  problems: PlanProblems,
): void {
  const path = ["data", "tokenizer"];
  if (tokenizer === undefined || from === undefined) return;
  if (tokenizer === null) {
    if (from === null)
      problems.add(path, {
        what: "`tokenizer` is missing",
        expected: "exactly one of `train` and `file`",
        hint: "only `model.from` brings a tokenizer with it",
      });
    return;
  }
  const { train, file, add } = tokenizer;
  if (train === undefined || file === undefined) return;
  if (from === null || (train !== null && file !== null)) checkOneOf(path, { train, file }, problems);
  if (train !== null && add)
    problems.add([...path, "add"], {
      what: "`add` goes with a tokenizer that is there",
      hint: "a tokenizer that is trained learns its tokens from the documents",
    });
}

type DomainSource = DataSource["domains"][string];

function checkDomain(name: string, domain: Draft<DomainSource>, problems: PlanProblems): void {
  if (domain === undefined) return;
  const path = ["data", "domains", name];
  const { documents, conversations, shards, heldOut, heldOutShards } = domain;
  if (documents !== undefined && conversations !== undefined && shards !== undefined)
    checkOneOf(path, { documents, conversations, shards }, problems);
  checkConversations(path, domain, problems);
  if (heldOut && documents === null && conversations === null)
    problems.add([...path, "heldOut"], {
      what: "`heldOut` goes with `documents` or `conversations`",
      hint: "for shards that are already there, name the held-out ones in `heldOutShards`",
    });
  if (heldOutShards && shards === null)
    problems.add([...path, "heldOutShards"], {
      what: "`heldOutShards` goes with `shards`",
      hint: "for documents, `heldOut` is the share that `prepare` holds out",
    });
  if (shards && heldOutShards && resolve(shards) === resolve(heldOutShards))
    problems.add([...path, "heldOutShards"], {
      what: "the held-out shards are the training shards",
      hint: "a loss on the training data says nothing about other data",
    });
}

function checkConversations(
  path: readonly string[],
  domain: NonNullable<Draft<DomainSource>>,
  problems: PlanProblems,
): void {
  const { conversations, format, columns, roles, template, loss } = domain;
  for (const [key, value] of Object.entries({ format, columns, roles, template, loss }))
    if (value && conversations === null)
      problems.add([...path, key], { what: `\`${key}\` goes with \`conversations\`` });
  if (!columns || format === undefined) return;
  const { record, turn } = FORMAT_COLUMNS[format ?? DEFAULT_FORMAT];
  const known = Object.keys({ ...record, ...turn });
  for (const name of Object.keys(columns))
    if (!known.includes(name))
      problems.add([...path, "columns", name], {
        what: `the format \`${format ?? DEFAULT_FORMAT}\` has no column \`${name}\``,
        expected: known.map((each) => `\`${each}\``).join(", "),
      });
}

/** Adds a problem unless exactly one of the keys, all valid, is given. */
export function checkOneOf(
  path: readonly (string | number)[],
  keys: Readonly<Record<string, unknown>>,
  problems: PlanProblems,
): void {
  const given = Object.keys(keys).filter((name) => keys[name] !== null);
  if (given.length === 1) return;
  const listed = (names: readonly string[]): string =>
    [
      names
        .slice(0, -1)
        .map((name) => `\`${name}\``)
        .join(", "),
      `\`${names.at(-1)}\``,
    ].join(" and ");
  const all = listed(Object.keys(keys));
  problems.add(path, {
    what: given.length === 0 ? `one of ${all} is missing` : `${listed(given)} exclude each other`,
    expected: `exactly one of ${all}`,
  });
}
