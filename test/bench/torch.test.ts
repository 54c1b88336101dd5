import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import type { BenchReport } from "../../src/bench/report.js";
import { parseShape } from "../../src/bench/shape.js";
import { checkPeer, peerArguments, peerLosses, peerResult, runPeer, torchTarget } from "../../src/bench/torch.js";
import { fakePrograms } from "./fake-python.js";
import { reportOf, TINY } from "./reports.js";

const shape = parseShape(`${TINY},kv=1,accumulate=2,tied=1`);

describe("peerArguments", () => {
  it("say the whole shape", () => {
    const peer = { python: "python3", shape, steps: 9, limitMs: 6000 };
    expect(peerArguments(peer, "compile", { device: "cuda", dtype: "master" }).join(" ")).toBe(
      "--width 16 --layers 2 --heads 2 --kv-heads 1 --head-width 8 --ff 32 --vocab 64 --rope-theta 10000 --norm-epsilon 0.00001 --batch 2 --seq 16 --accumulate 2 --steps 9 --warm-up 4 --limit-ms 6000 --warm-up-limit-ms 2000 --mode compile --device cuda --dtype master --tie",
    );
    const variant = { ...shape, architecture: { ...shape.architecture, tied: false, qkvBias: true, qkNorm: true } };
    expect(peerArguments({ ...peer, shape: variant }, "eager").slice(-2)).toEqual(["--qkv-bias", "--qk-norm"]);
  });

  it("say where our side computes, and in as many bytes", () => {
    const report = reportOf(1);
    const onCard = (mode: "bf16" | "bf16-lean"): BenchReport => ({
      ...report,
      ...{ mode, engine: { ...report.engine, precision: "bf16" } },
      memory: { ...report.memory, device: { usedBytes: 1, totalBytes: 2 } },
    });
    expect(torchTarget(report)).toEqual({ device: "cpu", dtype: "fp32" });
    expect(torchTarget(onCard("bf16"))).toEqual({ device: "cuda", dtype: "master" });
    expect(torchTarget(onCard("bf16-lean"))).toEqual({ device: "cuda", dtype: "bf16" });
    expect(torchTarget(onCard("bf16"), "amp")).toEqual({ device: "cuda", dtype: "amp" });
  });
});

describe("peerResult", () => {
  const line = '{"peer": "pytorch 2", "device": "cpu", "threads": 2, "params": 5, "ms_per_step": 1.5, "gflops": null}';

  it("reads the last line, whatever comes before", () => {
    expect(peerResult(`warning: something\n{}\n${line}\n`)).toEqual({
      peer: "pytorch 2",
      device: "cpu",
      threads: 2,
      parameters: 5,
      msPerStep: 1.5,
      peakBytes: null,
    });
    expect(peerResult(line.replace('"threads"', '"dtype": "master", "threads"')).peer).toBe("pytorch 2 master");
  });

  it("reads losses, of which some may be no numbers", () => {
    expect(peerLosses('{"losses": [1.5, null]}')).toEqual([1.5, Number.NaN]);
    expect(() => peerLosses(line)).toThrow(/with losses/);
  });

  it.each([
    ["", /with peer in the last line/],
    ["not JSON", /got: not JSON/],
    ["[1]", /with peer/],
    ["null", /with peer/],
    [line.replace("1.5", "0"), /with ms_per_step/],
    [line.replace("1.5", '"1.5"'), /with ms_per_step/],
    [line.replace('"threads": 2, ', ""), /with threads/],
  ])("refuses %j", (stdout, message) => {
    expect(() => peerResult(stdout)).toThrow(message);
    expect(() => peerResult(stdout)).toThrow(UserError);
  });
});

describe("the peer", () => {
  const noTick = () => {};

  it("runs in the interpreter that is named", async () => {
    using programs = fakePrograms(7);
    const result = await runPeer({ python: programs.python, shape, steps: 5 }, "eager", noTick);
    expect(result).toEqual({
      ...{ peer: "pytorch 0.0", device: "cpu", threads: 3, parameters: 7, msPerStep: 20, peakBytes: 300 * 2 ** 20 },
    });
    expect(programs.ran()).toEqual([peerArguments({ python: "", shape, steps: 5 }, "eager").join(" ")]);
  });

  it("is a problem for the user when there is no interpreter, no PyTorch, or it fails", async () => {
    using programs = fakePrograms(7);
    const check = (python: string) => checkPeer({ python, shape, steps: 5 }, noTick);
    await expect(check("/nowhere/python3")).rejects.toThrow(/cannot be started\n.*no such program\n.*--python/s);
    await expect(check("/")).rejects.toThrow(/cannot be started/);
    const missing = programs.failing("Traceback\nModuleNotFoundError: No module named 'torch'");
    await expect(check(missing)).rejects.toThrow(/has no PyTorch\n.*pip install torch/s);
    const broken = programs.failing("Traceback\nRuntimeError: out of memory");
    await expect(check(broken)).rejects.toThrow(/exit code 1:\n.*RuntimeError: out of memory\n.*compare-torch eager/s);
    await expect(check(broken)).rejects.toThrow(UserError);
  });

  it("refuses what it would not compute, before it is started", async () => {
    const windowed = (slidingWindow: number) => ({
      python: "/nowhere/python3",
      shape: { ...shape, architecture: { ...shape.architecture, slidingWindow } },
      steps: 1,
    });
    await expect(checkPeer(windowed(8), noTick)).rejects.toThrow(/no sliding window/);
    const nope = { ...shape, architecture: { ...shape.architecture, nopeLayers: [1] } };
    await expect(checkPeer({ ...windowed(8), shape: nope }, noTick)).rejects.toThrow(/RoPE in every layer/);
    // A window as long as the row hides nothing.
    await expect(checkPeer(windowed(16), noTick)).rejects.toThrow(/cannot be started/);
  });
});
