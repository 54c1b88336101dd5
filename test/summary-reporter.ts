/** Ends a test run with every skipped test and its reason, so that a skip never looks like a pass, and with one line of totals. */
import type { Reporter, TestCase, TestModule } from "vitest/node";

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const skipped = tests.filter((test) => test.result().state === "skipped");
    if (skipped.length > 0) console.log("\nSkipped:");
    for (const reason of new Set(skipped.map(reasonOf))) console.log(`  ${reason}`);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    // A file that does not even load has no tests: it counts as a failure of its own.
    const broken = modules.filter((module) => module.errors().length > 0).length;
    console.log(`\n${count("passed")} passed, ${count("failed") + broken} failed, ${skipped.length} skipped`);
  }
}

/** The note given to `skip`, else the test's own name, which then must say why. */
function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === "skipped" ? result.note : undefined) ?? test.fullName;
}
