import { describe, expect, it } from "vitest";
import { lastWords, runProcess } from "../../src/bench/process.js";

function node(program: string, onTick: (seconds: number) => void = () => {}) {
  return runProcess([process.execPath, "-e", program], onTick);
}

describe("runProcess", () => {
  it("gives both streams and the exit code", async () => {
    const ended = await node("console.log('out'); console.error('err'); process.exitCode = 3");
    expect(ended).toEqual({ code: 3, signal: null, stdout: "out\n", stderr: "err\n" });
  });

  it("tells a signal from a code", async () => {
    const ended = await node("process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)");
    expect(ended).toMatchObject({ code: null, signal: "SIGKILL" });
    expect(lastWords(ended)).toBe("ended by SIGKILL");
  });

  it("rejects with the system's code when there is no such program", async () => {
    await expect(runProcess(["/nowhere/python"], () => {})).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("ticks at once and every second", async () => {
    const ticks: number[] = [];
    await node("setTimeout(() => {}, 1300)", (seconds) => ticks.push(seconds));
    expect(ticks.slice(0, 2)).toEqual([0, 1]);
  });

  it("keeps the end of a flood", async () => {
    const { stdout } = await node("for (let i = 0; i < 300000; i++) console.log(i)");
    expect(stdout.length).toBe(1 << 20);
    expect(stdout.endsWith("299998\n299999\n")).toBe(true);
  });
});

describe("lastWords", () => {
  it("are of stderr, or of stdout when that is empty", () => {
    const ended = { code: 1, signal: null, stdout: "a\nb\n", stderr: "" };
    expect(lastWords(ended)).toBe("exit code 1:\n    a\n    b");
    expect(lastWords({ ...ended, stderr: "x\ny\nz\n" }, 2)).toBe("exit code 1:\n    y\n    z");
    expect(lastWords({ ...ended, stdout: "" })).toBe("exit code 1");
  });
});
