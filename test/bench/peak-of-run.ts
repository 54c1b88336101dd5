/** Runs a command line in a process of its own and prints its exit code and its peak: `node --import tsx peak-of-run.ts train …`. */
import { peakResidentBytes } from "../../src/bench/memory.js";
import { main } from "../../src/cli.js";

const quiet = { isTTY: false, columns: 80, write: () => {} };
const terminal = { out: quiet, err: process.stderr, onSignal: () => () => {}, abort: () => {} };
const code = await main(process.argv.slice(2), terminal);
console.log(JSON.stringify({ code, peakBytes: peakResidentBytes() }));
