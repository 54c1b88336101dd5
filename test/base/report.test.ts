import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openRunLog, ProgressLine } from "../../src/base/report.js";
import { captured } from "../end-to-end/project.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hephaestus-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.useRealTimers();
});

describe("openRunLog", () => {
  it("appends one JSON line an event, on disk before the call returns", () => {
    const path = join(folder, "deep", "log.jsonl");
    using log = openRunLog(path);
    log.event("step", { step: 1, loss: 2.5 });
    log.event("end", {});
    const lines = readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      { level: "info", time: expect.any(Number), event: "step", step: 1, loss: 2.5 },
      { level: "info", time: expect.any(Number), event: "end" },
    ]);
  });

  it("goes on after what an earlier process wrote", () => {
    const path = join(folder, "log.jsonl");
    for (const run of [1, 2]) {
      using log = openRunLog(path);
      log.event("begin", { run });
    }
    expect(readFileSync(path, "utf8").trimEnd().split("\n")).toHaveLength(2);
  });
});

describe("ProgressLine", () => {
  it("writes only permanent lines when not a terminal", () => {
    const stream = captured(false);
    using line = new ProgressLine(stream);
    line.update("half way");
    line.line("done");
    expect(stream.text).toBe("done\n");
  });

  it("redraws in place on a terminal, cut to its width, and clears before a permanent line", () => {
    vi.useFakeTimers();
    const stream = { ...captured(true), columns: 6 };
    const line = new ProgressLine(stream);
    line.update("abcdefgh");
    expect(stream.text).toBe("\r\u001b[2Kabcde");
    line.line("done");
    expect(stream.text.endsWith("\r\u001b[2Kdone\n")).toBe(true);
  });

  it("does not redraw more often than ten times a second", () => {
    vi.useFakeTimers();
    const stream = captured(true);
    using line = new ProgressLine(stream);
    line.update("one");
    vi.advanceTimersByTime(50);
    line.update("two");
    vi.advanceTimersByTime(60);
    line.update("three");
    expect(stream.text).toContain("one");
    expect(stream.text).not.toContain("two");
    expect(stream.text).toContain("three");
  });
});
