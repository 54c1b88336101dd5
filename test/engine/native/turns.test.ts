/** Turns: one after the other, some beside, some alone. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Turns } from "../../../src/engine/native/turns.js";

/** Work that lasts until it is told to end, and writes down when it began and ended. */
function heldWork() {
  const log: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const work = (name: string) => () =>
    new Promise<string>((resolve, reject) => {
      log.push(`begin ${name}`);
      ends.set(name, (error) => {
        log.push(`end ${name}`);
        if (error === undefined) resolve(name);
        else reject(error);
      });
    });
  const end = async (name: string, error?: Error): Promise<void> => {
    ends.get(name)?.(error);
    for (let turn = 0; turn < 3; turn++) await nextTurn();
  };
  return { log, work, end };
}

describe("turns", () => {
  it("let what goes on beside begin in its turn, and others go on", async () => {
    const { log, work, end } = heldWork();
    const turns = new Turns();
    const all = [turns.take(work("1")), turns.beside(work("copy")), turns.take(work("2"))];
    await end("none");
    expect(log).toEqual(["begin 1"]);
    await end("1");
    expect(log).toEqual(["begin 1", "end 1", "begin copy", "begin 2"]);
    await end("2");
    expect(turns.idle).toBe(false);
    await end("copy");
    expect(turns.idle).toBe(true);
    expect(await Promise.all(all)).toEqual(["1", "copy", "2"]);
  });

  it("make who wants to be alone wait for all that goes on beside, and those after it for that", async () => {
    const { log, work, end } = heldWork();
    const turns = new Turns();
    const all = [
      turns.beside(work("a")),
      turns.beside(work("b")),
      turns.alone(work("alone")),
      turns.take(work("after")),
    ];
    await end("none");
    await end("a");
    expect(log).toEqual(["begin a", "begin b", "end a"]);
    await end("b");
    expect(log.slice(3)).toEqual(["end b", "begin alone"]);
    const late = turns.beside(work("late"));
    await end("alone");
    expect(log.slice(5)).toEqual(["end alone", "begin after"]);
    await end("after");
    await end("late");
    expect(await Promise.all([...all, late])).toEqual(["a", "b", "alone", "after", "late"]);
  });

  it("go on when what went on beside fails, which only its caller is told", async () => {
    const { log, work, end } = heldWork();
    const turns = new Turns();
    const failing = turns.beside(work("copy"));
    const told = expect(failing).rejects.toThrow("torn");
    const alone = turns.alone(work("alone"));
    await end("none");
    await end("copy", new Error("torn"));
    await told;
    expect(log).toEqual(["begin copy", "end copy", "begin alone"]);
    await end("alone");
    expect(await alone).toBe("alone");
    await expect(turns.beside(() => Promise.reject(new Error("at once")))).rejects.toThrow("at once");
    expect(turns.idle).toBe(true);
  });

  it("close alone, as the last thing", async () => {
    const { log, work, end } = heldWork();
    const turns = new Turns();
    const copy = turns.beside(work("copy"));
    turns.close(() => log.push("closed"));
    turns.close(() => log.push("closed twice"));
    await expect(turns.take(work("late"))).rejects.toThrow("disposed");
    await expect(turns.beside(work("late"))).rejects.toThrow("disposed");
    await end("none");
    expect(log).toEqual(["begin copy"]);
    await end("copy");
    await copy;
    expect(log).toEqual(["begin copy", "end copy", "closed"]);
  });

  it("do at once what is small, and close at once, when there is nothing else", async () => {
    const { log, work, end } = heldWork();
    const turns = new Turns();
    turns.soon(() => log.push("soon"));
    expect(log).toEqual(["soon"]);
    turns.close(() => log.push("closed"));
    expect(log).toEqual(["soon", "closed"]);
    await expect(turns.take(work("late"))).rejects.toThrow("disposed");
    await end("none");
  });
});
