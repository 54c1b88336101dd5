/** The real bundle, packed quickly (about twenty seconds of processor time), run as on a host that has neither Node nor a network. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeProject, type Project } from "../end-to-end/project.js";

const folder = mkdtempSync(join(tmpdir(), "bundle-"));
const bundle = join(folder, "bundle");
const LIMIT = 64 * 2 ** 20;
const BUILD_LIMIT_MS = 300_000;
let output = "";
let project: Project;

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function make(...args: string[]): Ran {
  return spawnSync("bash", ["scripts/bundle.sh", ...args], { encoding: "utf8" });
}

/** A folder with the few programs that a bare host has. */
function programs(name: string, list: readonly string[]): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const program of list) {
    const { stdout } = spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" });
    symlinkSync(stdout.trim(), join(path, program));
  }
  return path;
}
const COREUTILS = ["sh", "readlink", "dirname", "mkdir", "chmod", "mv", "rm"];

beforeAll(async () => {
  chmodSync(folder, 0o755);
  const { status, stdout, stderr } = make("--fast", "--out", bundle);
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
  output = stdout;
  project = await makeProject({ prepared: false });
}, BUILD_LIMIT_MS);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await project?.[Symbol.asyncDispose]();
}, BUILD_LIMIT_MS);

function filesOf(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
}

describe("the bundle", () => {
  it("tells the size of each part and stays below its limit", () => {
    const sizes = [...output.matchAll(/^(\S+) +(\d+\.\d+) MiB$/gm)].map(
      ([, name, size]) => [name, Number(size)] as const,
    );
    expect(sizes.map(([name]) => name)).toEqual(["Node.js", "packages", "program", "everything"]);
    const everything = sizes[3][1];
    expect(everything * 2 ** 20).toBeLessThan(LIMIT);
    expect(everything).toBeGreaterThan(sizes[0][1] + sizes[1][1] + sizes[2][1]);
  });

  it("holds all kernels' sources, and nothing that only developers need", () => {
    const files = filesOf(bundle);
    const kernels = filesOf("src").filter((path) => /\.(c|h|cu|cuh)$/.test(path));
    expect(kernels.some((path) => path.endsWith(".cu"))).toBe(true);
    for (const path of kernels) expect(files).toContain(`dist/${path}`);
    expect(files).toContain("configs/quickstart.yaml");
    for (const name of ["vitest", "typescript", "@biomejs", "@tensorflow/tfjs-node-gpu", "@types"])
      expect(existsSync(join(bundle, "node_modules", name))).toBe(false);
    expect(files.filter((path) => /\.(map|d\.ts|cc)$/.test(path))).toEqual([]);
  });

  it("starts without Node on the PATH, from another folder, through a link, and only unpacks once", () => {
    const path = programs("bare", [...COREUTILS, "xz"]);
    const link = join(folder, "link");
    symlinkSync(join(bundle, "hephaestus"), link);
    const run = (...args: string[]): Ran =>
      spawnSync(link, args, { encoding: "utf8", cwd: project.folder, env: { PATH: path } });
    const first = run("--help");
    expect(first).toMatchObject({ status: 0, stderr: "unpacking Node.js (once) ...\n" });
    expect(first.stdout).toContain("Usage: hephaestus");
    expect(run("prepare", "--config", project.config, "--workers", "2")).toMatchObject({ status: 0 });
    const planned = run("plan", "--config", project.config);
    expect(planned.stderr).toBe("");
    expect(planned.status).toBe(0);
    expect(planned.stdout).toContain("tiny");
    expect(run("plan", "--config", "absent.yaml").status).toBe(2);
  });

  it("unpacks into the user's cache where its own folder is read-only", (context) => {
    const isRoot = process.getuid?.() === 0;
    const copy = join(folder, "read-only");
    mkdirSync(copy);
    for (const name of ["hephaestus", "node.xz"]) copyFileSync(join(bundle, name), join(copy, name));
    for (const name of ["dist", "node_modules", "package.json"]) symlinkSync(join(bundle, name), join(copy, name));
    const home = join(folder, "home");
    mkdirSync(home);
    chmodSync(home, 0o777);
    chmodSync(copy, 0o555);
    // Root may write anywhere, so it runs this as nobody.
    const identity = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const options = {
      encoding: "utf8",
      cwd: "/",
      env: { PATH: join(folder, "bare"), HOME: home },
      ...identity,
    } as const;
    const ran = spawnSync(join(copy, "hephaestus"), ["--version"], options);
    if (isRoot && ran.error !== undefined) return context.skip(`cannot run as another user here: ${ran.error.message}`);
    expect(ran.stderr).toBe("unpacking Node.js (once) ...\n");
    expect(ran.stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect(existsSync(join(copy, "node"))).toBe(false);
    expect(filesOf(home).map((path) => path.replace(/[0-9a-f]{16}/, "HASH"))).toEqual([
      ".cache/hephaestus/node-HASH/node",
    ]);
    chmodSync(copy, 0o755);
  });
});

describe("a host that lacks something", () => {
  function halfBundle(name: string, node: string | Uint8Array): string {
    const path = join(folder, name);
    mkdirSync(path);
    writeFileSync(join(path, "node.xz"), node);
    writeFileSync(join(path, "hephaestus"), readFileSync(join(bundle, "hephaestus")), { mode: 0o755 });
    return path;
  }

  it("is told which package unpacks", () => {
    const path = halfBundle("no-xz", "");
    const { status, stderr } = spawnSync(join(path, "hephaestus"), [], {
      encoding: "utf8",
      env: { PATH: programs("no-xz-programs", COREUTILS) },
    });
    expect(status).toBe(2);
    expect(stderr).toContain("neither xz nor python3 is here");
    expect(stderr).toContain("apt-get install xz-utils, or make the bundle with --pack gzip");
    expect(readdirSync(path).sort()).toEqual(["hephaestus", "node.xz"]);
  });

  it("is told of a damaged bundle, and nothing half is left", () => {
    const path = halfBundle("damaged", readFileSync(join(bundle, "node.xz")).subarray(0, 100_000));
    const { status, stderr } = spawnSync(join(path, "hephaestus"), ["--help"], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toContain("Node.js could not be unpacked");
    expect(readdirSync(path).sort()).toEqual(["hephaestus", "node.xz"]);
  });
});

describe("mistakes in making it", () => {
  it.each([
    ["an unknown option", ["--ouut"], "unknown option --ouut", "see --help"],
    ["a missing value", ["--out"], "--out needs a value", "see --help"],
    ["another way to pack", ["--pack", "zip"], "--pack must be xz or gzip, not zip", null],
    ["a limit that is no number", ["--limit", "64M"], "--limit must be a whole number of MiB, not 64M", null],
    ["no such binary", ["--node", "/absent/node"], "there is no file /absent/node", "name a Node.js binary"],
    ["a script for a binary", ["--node", "scripts/bundle.sh"], "is no binary program", "not a script"],
    [
      "a folder of the user's",
      ["--out", "configs"],
      "configs is there already and is no bundle",
      "name another folder",
    ],
    ["a limit that is too small", ["--limit", "1", "--out", join(folder, "small")], "larger than 1 MiB", "--limit"],
  ])("%s", (_what, args, message, hint) => {
    const { status, stdout, stderr } = make(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(`bundle: `);
    expect(stderr).toContain(message);
    if (hint !== null) expect(stderr).toContain(hint);
    expect(stdout).toBe("");
  });

  it("leave everything as it was", () => {
    expect(existsSync("configs/quickstart.yaml")).toBe(true);
    expect(readdirSync(folder).filter((name) => name.startsWith("small"))).toEqual([]);
  });

  it("say which package is missing", () => {
    const { stderr } = spawnSync("bash", ["scripts/bundle.sh"], {
      encoding: "utf8",
      env: { PATH: programs("no-packer", ["bash", "dirname", "readlink"]) },
    });
    expect(stderr).toContain("xz is not on the PATH");
    expect(stderr).toContain("apt-get install xz-utils");
  });

  it("--help explains every option", () => {
    const { status, stdout } = make("--help");
    expect(status).toBe(0);
    for (const option of ["--out", "--node", "--pack", "--fast", "--limit"]) expect(stdout).toContain(`  ${option} `);
  });
});
