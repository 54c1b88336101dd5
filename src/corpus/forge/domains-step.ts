/** The last step: the documents of each domain as they are trained on, and the account of them. */
import { writeFile } from "node:fs/promises";
import type { ForgePlan } from "../../config/forge-plan.js";
import { loadTokenizer } from "../../data/tokenizer/tokenizer.js";
import type { ForgeDocument } from "../forge-document.js";
import type { PartitionTask, Step } from "../step.js";
import { accountFor, accountToJson, emptyAccount } from "./account.js";
import { LineWriter } from "./document-lines.js";

export const ACCOUNT_FILE = "account.json";

/** The file of a domain's documents in one partition. */
export function domainFile(domain: string): string {
  return `domain-${domain}.jsonl`;
}

/** The step `domains`: a line of a domain file is `{text, source, licence, form, operation}`. */
export function domainsStep({ tokenizer, tokenizerFingerprint }: ForgePlan): Step {
  return {
    name: "domains",
    version: 1,
    settings: { tokenizer: tokenizerFingerprint },
    phases: [{ name: "write", each: "partition", run: (task) => writeDomains(task, tokenizer) }],
  };
}

async function writeDomains(task: PartitionTask, tokenizerPath: string | null): Promise<void> {
  const tokenizer = tokenizerPath === null ? null : await loadTokenizer(tokenizerPath);
  const account = emptyAccount();
  using files = new DomainFiles(task);
  for await (const document of task.documents()) {
    files.write(document);
    // One more for the end-of-text token that follows every document in training.
    accountFor(account, document, tokenizer === null ? 0 : tokenizer.encode(document.text).length + 1);
  }
  await writeFile(task.path(ACCOUNT_FILE), JSON.stringify(accountToJson(account)));
}

class DomainFiles implements Disposable {
  private readonly writers = new Map<string, LineWriter>();

  constructor(private readonly task: PartitionTask) {}

  write({ text, source, origin, licence, form, operation, domain }: ForgeDocument): void {
    let writer = this.writers.get(domain);
    if (writer === undefined) {
      writer = new LineWriter(this.task.path(domainFile(domain)));
      this.writers.set(domain, writer);
    }
    writer.write({ text, source: `${source}/${origin}`, licence, form, operation });
  }

  [Symbol.dispose](): void {
    for (const writer of this.writers.values()) writer[Symbol.dispose]();
  }
}
