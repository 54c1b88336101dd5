import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { CONVERSATIONS, GOLDEN, goldenTemplate, renderAll, templateText } from "./chat-golden.js";

const QUESTION = { messages: [{ role: "user", content: "a" }] };

function render(text: string): string {
  return goldenTemplate("test", text).render(QUESTION);
}

describe("a chat template", () => {
  it.each(Object.entries(GOLDEN.renderings))("renders %s as transformers does", (name, expected) => {
    expect(renderAll(goldenTemplate(name), CONVERSATIONS)).toEqual(expected);
  });

  it("is read with line feeds alone, as Python reads it", () => {
    const [text, windows] = [templateText("macros"), templateText("macros").replaceAll("\n", "\r\n")];
    expect(renderAll(goldenTemplate("windows", windows), CONVERSATIONS)).toEqual(
      renderAll(goldenTemplate("unix", text), CONVERSATIONS),
    );
  });

  it("says whether it marks answers", () => {
    expect(goldenTemplate("chatml").marksAnswers).toBe(true);
    expect(goldenTemplate("headers").marksAnswers).toBe(false);
  });

  it("has a fingerprint of its text and tokens", () => {
    expect(goldenTemplate("chatml").fingerprint).toBe(goldenTemplate("chatml").fingerprint);
    expect(goldenTemplate("chatml").fingerprint).not.toBe(goldenTemplate("headers").fingerprint);
  });

  it("refuses with its own message", () => {
    expect(() => render('{{ raise_exception("No such role: " + messages[0].role) }}')).toThrow(
      "test: the chat template refuses this conversation\n  got: No such role: user",
    );
  });

  it.each([
    ["{% if %}", "Unexpected token"],
    ["{% for x in y %}", "cannot be read"],
    ["{{ 'a", "Unexpected end of input"],
    ["{% include 'x' %}", "Unknown statement type: include"],
    [" ".repeat(5000), "white space in a row"],
    ["x".repeat(2 ** 19 + 1), "524289 characters"],
  ])("that is none is named: %.20s", (text, message) => {
    expect(() => render(text)).toThrow(UserError);
    expect(() => render(text)).toThrow(message);
  });

  it.each([
    ["macros that call themselves", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "refuses"],
    ["ranges that are long", "{{ range(1000000000) }}", "a range of more than"],
    ["ranges that stand still", "{{ range(1, 2, 0) }}", "a range of more than"],
    [
      "texts that double",
      "{% set ns = namespace(x='abcd') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      "characters",
    ],
    [
      "lists that double",
      "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
      "items",
    ],
    ["indents that are wide", "{{ [1] | tojson(indent=999999999) }}", "refuses"],
    ["what has no such method", "{{ messages.append(1) }}", "not a function"],
    ["unknown dates", "{{ strftime_now('%Q') }}", "the date code %Q is not known"],
  ])("stops %s", (_, text, message) => {
    expect(() => render(text)).toThrow(UserError);
    expect(() => render(text)).toThrow(message);
  });

  it("cannot reach what is outside", () => {
    expect(render("{{ process }}{{ globalThis }}{{ messages.constructor }}{{ ''.__class__ }}")).toBe("");
    expect(() => render("{{ messages[0].constructor.constructor('return 1')() }}")).toThrow(UserError);
  });

  it("refuses text that looks like its own marks", () => {
    const template = goldenTemplate("chatml");
    expect(() => template.render({ messages: [{ role: "user", content: "\ufdd0" }] })).toThrow("noncharacters");
  });

  it("fails with a UserError or not at all, whatever is in it", () => {
    const words =
      "{% if for in endfor endif set x macro endmacro ( ) [ ] { } {{ }} %} {# #} | . : , = == not is 'a' 1 -".split(
        " ",
      );
    const texts = fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((parts) => parts.join(" "));
    fc.assert(
      fc.property(texts, (text) => {
        try {
          render(text);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
