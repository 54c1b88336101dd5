import { describe, expect, it } from "vitest";
import { parseTemplate, runTemplate } from "../../../src/data/chat/jinja.js";

describe("the interpreter", () => {
  it.each([
    ["a loop in a loop", "{% for i in range(999) %}{% for j in range(999) %}{% endfor %}{% endfor %}"],
    [
      "a loop over a list made once",
      "{% set r = range(999) %}{% for i in r %}{% for j in r if j %}{% endfor %}{% endfor %}",
    ],
    [
      "macros that double",
      "{% macro a() %}{{ b() }}{{ b() }}{% endmacro %}{% macro b() %}{% for i in range(99) %}{{ i }}{% endfor %}{% endmacro %}{% for i in range(99) %}{{ a() }}{% endfor %}",
    ],
    [
      "long texts made often",
      "{% set x = 'abcdefgh' * 1 if false else 'abcdefgh' %}{% for i in range(12) %}{% set x = x ~ x %}{% for j in range(99) %}{{ x | upper }}{% endfor %}{% endfor %}",
    ],
  ])("stops %s after the same number of steps", (_, text) => {
    const program = parseTemplate(text);
    expect(() => runTemplate(program, {}, 50_000)).toThrow("the template runs for more than 50000 steps");
    expect(() => runTemplate(program, {}, 50_000)).toThrow("the template runs for more than 50000 steps");
  });

  it("counts little for a long conversation", () => {
    const program = parseTemplate("{% for message in messages %}{{ message.role ~ message.content }}{% endfor %}");
    const messages = Array.from({ length: 500 }, () => ({ role: "user", content: "abc " }));
    expect(runTemplate(program, { messages }, 50_000)).toHaveLength(500 * 8);
  });
});
