import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadChatTemplate } from "../../../src/data/chat/chat-template-file.js";

let folder: string;
let tokenizer: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "chat-"));
  tokenizer = join(folder, "tokenizer.json");
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

async function rendered(choice: string | null, tools: readonly unknown[] = []): Promise<string> {
  const template = await loadChatTemplate(tokenizer, choice);
  return template.render({ messages: [{ role: "user", content: "hi" }], tools });
}

describe("the template beside a tokenizer", () => {
  it("is the text in tokenizer_config.json, with the tokens named there", async () => {
    await put("tokenizer_config.json", {
      chat_template: "{{ bos_token }}{{ eos_token }}{{ add_bos_token }}|{{ messages[0].content }}",
      bos_token: { content: "<b>" },
      eos_token: "<e>",
      add_bos_token: true,
    });
    expect(await rendered(null)).toBe("<b><e>|hi");
  });

  it("is the default of a list, or its tool_use where there are tools", async () => {
    const list = [
      { name: "default", template: "plain" },
      { name: "tool_use", template: "tools: {{ tools | length }}" },
    ];
    await put("tokenizer_config.json", { chat_template: list });
    expect(await rendered(null)).toBe("plain");
    expect(await rendered(null, [{}, {}])).toBe("tools: 2");
  });

  it("is chat_template.jinja rather than the one in the configuration", async () => {
    await put("tokenizer_config.json", { chat_template: "old" });
    await put("chat_template.jinja", "new");
    await put("additional_chat_templates/tool_use.jinja", "new tools");
    expect(await rendered(null)).toBe("new");
    expect(await rendered(null, [{}])).toBe("new tools");
  });

  it("is missed with a hint", async () => {
    await expect(rendered(null)).rejects.toThrow("there is no chat template beside this tokenizer");
    await expect(rendered(null)).rejects.toThrow("the built-in `chatml`");
  });

  it.each([
    [
      [
        { name: "a", template: "x" },
        { name: "b", template: "y" },
      ],
    ],
    [[1]],
    [5],
  ])("that cannot be used is named: %j", async (chat_template) => {
    await put("tokenizer_config.json", { chat_template });
    await expect(rendered(null)).rejects.toThrow("`chat_template` cannot be used");
  });
});

describe("a template that is named", () => {
  it("is a built-in one, a Jinja file or a configuration", async () => {
    expect(await rendered("chatml")).toBe("<|im_start|>user\nhi<|im_end|>\n");
    expect(await rendered(await put("my.jinja", "mine: {{ messages[0].content }}"))).toBe("mine: hi");
    expect(await rendered(await put("other.json", { chat_template: "other" }))).toBe("other");
  });

  it("is reported where it is absent", async () => {
    await expect(rendered(join(folder, "no.jinja"))).rejects.toThrow("cannot read this chat template (ENOENT)");
    await expect(rendered(await put("empty.json", {}))).rejects.toThrow("this file has no `chat_template`");
  });
});
