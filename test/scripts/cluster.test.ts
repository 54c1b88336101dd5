/** The scripts for clusters, with the cluster's own commands played by small scripts. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";

const SLURM = join(import.meta.dirname, "../../scripts/cluster/slurm.sh");
const KUBERNETES = join(import.meta.dirname, "../../scripts/cluster/kubernetes.yaml");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cluster-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), `#!/usr/bin/env bash\nset -euo pipefail\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** A forge of three phases that writes down how it is called, and an `sbatch` that runs every job at once. */
function playCluster(): NodeJS.ProcessEnv {
  program(
    "hephaestus",
    `if [[ " $* " == *" --phases "* ]]; then echo "aws: 3 files"; printf 'sources/read\\t5\\ndedup/decide\\t1\\ndedup/apply\\t5\\n'; else echo "$*" >> ${folder}/calls; fi`,
  );
  program(
    "sbatch",
    `number=$(( $(cat ${folder}/jobs 2>/dev/null || echo 100) + 1 )); echo $number > ${folder}/jobs
echo "$number: $*" >> ${folder}/submitted
last=0
for argument in "$@"; do case $argument in --array=0-*) last=\${argument#--array=0-};; --wrap=*) run=\${argument#--wrap=};; esac; done
for ((id = 0; id <= last; id++)); do SLURM_ARRAY_TASK_ID=$id SLURM_CPUS_PER_TASK=4 bash -c "$run"; done
echo $number`,
  );
  return { ...process.env, PATH: `${folder}${delimiter}${process.env["PATH"]}` };
}

const lines = (name: string): string[] => readFileSync(join(folder, name), "utf8").trim().split("\n");

describe("slurm.sh", () => {
  it("runs every part of every phase once, phases with one task once, then the forge", () => {
    execFileSync(SLURM, ["my plan.yaml", "3", "--mem=8G"], { env: playCluster() });
    const parts = (phase: string, count: number): string[] =>
      Array.from(
        { length: count },
        (_, i) => `forge --config my plan.yaml --phase ${phase} --part ${i + 1}/${count} --workers 4`,
      );
    expect(lines("calls")).toEqual([
      ...parts("sources/read", 3),
      ...parts("dedup/decide", 1),
      ...parts("dedup/apply", 3),
      "forge --config my plan.yaml",
    ]);
  });

  it("lets every array wait for the one before, and passes its options on", () => {
    const out = execFileSync(SLURM, ["plan.yaml", "3", "--mem=8G"], { env: playCluster(), encoding: "utf8" });
    const submitted = lines("submitted");
    expect(submitted[0]).not.toContain("--dependency");
    for (const [index, line] of submitted.entries()) {
      if (index > 0) expect(line).toContain(`--dependency=afterok:${100 + index} --kill-on-invalid-dep=yes`);
      expect(line).toContain("--mem=8G");
    }
    expect(out.trim().split("\n")).toHaveLength(4);
  });

  it("explains itself when called wrongly, and stops when the plan is wrong", () => {
    const wrong = spawnSync(SLURM, ["plan.yaml"], { encoding: "utf8" });
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain("PLAN PARTS");
    const env = playCluster();
    program("hephaestus", "echo 'error: no such plan' >&2; exit 2");
    const refused = spawnSync(SLURM, ["plan.yaml", "3"], { env, encoding: "utf8" });
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain("no such plan");
  });
});

describe("kubernetes.yaml", () => {
  const { spec } = parse(readFileSync(KUBERNETES, "utf8")) as {
    spec: {
      completionMode: string;
      completions: number;
      parallelism: number;
      template: { spec: { containers: { command: string[]; args: string[] }[] } };
    };
  };

  it("runs all parts at the same time, since they wait for each other", () => {
    expect(spec.completionMode).toBe("Indexed");
    expect(spec.parallelism).toBe(spec.completions);
  });

  it("gives every pod its own part", () => {
    const [{ command, args }] = spec.template.spec.containers;
    playCluster();
    for (const index of [0, 7])
      execFileSync(command[0], [...command.slice(1), ...args], {
        env: {
          ...process.env,
          PATH: `${folder}${delimiter}${process.env["PATH"]}`,
          JOB_COMPLETION_INDEX: String(index),
        },
      });
    expect(lines("calls")).toEqual(
      [1, 8].map((part) => `forge --config forge.yaml --part ${part}/${spec.completions} --workers 4`),
    );
  });
});
