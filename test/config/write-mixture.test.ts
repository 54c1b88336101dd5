import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { writeShare } from "../../src/config/write-mixture.js";

const PLAN = `# a plan
stages:
  - name: broad   # first
    mixture: { agent: 1,   text: 1, code: 1 } # equal parts
  - name: late
    mixture:
      code: 25%   # less of it
      agent: 3/4
  - mixture: { text: 1 }
`;

const write = (share: number, stage: string | null = null, text = PLAN) =>
  writeShare(text, "plan.yaml", { domain: "agent", share, stage });

function problem(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error.problems[0];
  }
  return null;
}

describe("a share written into a plan", () => {
  it("changes the numbers of one mixture and nothing else", () => {
    const { text, stage, change } = write(0.36);
    expect(text).toBe(PLAN.replace("{ agent: 1,   text: 1, code: 1 }", "{ agent: 36%,   text: 32%, code: 32% }"));
    expect(stage).toBe("broad");
    expect(change.map(({ domain, now }) => [domain, now])).toEqual([
      ["agent", 36],
      ["text", 32],
      ["code", 32],
    ]);
    expect(change[0].before).toBeCloseTo(100 / 3, 10);
  });

  it("keeps the proportions of the rest, in shares that sum to 1 exactly", () => {
    expect(write(0.3333).text).toContain("{ agent: 33.3%,   text: 33.4%, code: 33.3% }");
    expect(write(1).text).toContain("{ agent: 100%,   text: 0%, code: 0% }");
    const { change } = write(0.123, null, PLAN.replace("text: 1, code: 1", "text: 2, code: 1"));
    expect(change.map(({ now }) => now)).toEqual([12.3, 58.5, 29.2]);
  });

  it("finds the stage by name, in a mixture over several lines too", () => {
    expect(write(0.9, "late").text).toBe(PLAN.replace("code: 25%", "code: 10%").replace("agent: 3/4", "agent: 90%"));
  });

  it("is refused where there is no such stage, or no mixture with the domain", () => {
    expect(problem(() => write(0.5, "brod"))).toMatchObject({ hint: expect.stringContaining("broad") });
    expect(problem(() => write(0.5, "stage-3"))).toMatchObject({ what: expect.stringContaining("no stage's mixture") });
    expect(problem(() => write(0.5, null, "stages: 3\n"))?.what).toContain("no stage's mixture");
    expect(problem(() => write(0.5, null, PLAN.replace("agent: 1,", "agent: 30%,")))?.what).toContain("not one");
  });
});
