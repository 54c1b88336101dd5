/** Which files go along with a tokenizer. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { companionsIn, companionsOf } from "../../src/checkpoint/companions.js";
import { newFolder } from "./content.js";

it("the known ones that are there go along, and a tokenizer of any name under the name that Hugging Face reads", async () => {
  const folder = newFolder();
  for (const name of ["my-tokenizer.json", "chat_template.jinja", "generation_config.json", "notes.txt", "config.json"])
    writeFileSync(join(folder, name), "{}");
  const beside = {
    "chat_template.jinja": join(folder, "chat_template.jinja"),
    "generation_config.json": join(folder, "generation_config.json"),
  };
  expect(await companionsIn(folder)).toEqual(beside);
  const tokenizer = join(folder, "my-tokenizer.json");
  expect(await companionsOf(tokenizer)).toEqual({ ...beside, "tokenizer.json": tokenizer });
  expect(await companionsIn(join(folder, "absent"))).toEqual({});
});
