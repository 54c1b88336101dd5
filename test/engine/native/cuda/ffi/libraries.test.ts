/** The search for NVIDIA's libraries on file systems that are lists of paths, and on the real one with stubs. */
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../../../src/base/errors.js";
import {
  candidates,
  DISK,
  type FileView,
  findLibrary,
  placesFrom,
  type SearchPlaces,
} from "../../../../../src/engine/native/cuda/ffi/libraries.js";
import { PROTOTYPES } from "../../../../../src/engine/native/cuda/ffi/nvrtc.js";
import { stubLibrary } from "./stub-library.js";

const NOWHERE: SearchPlaces = { explicit: {}, toolkits: [], programs: [], conda: [], home: "/home/ada" };

function viewOf(paths: readonly string[]): FileView {
  return {
    exists: (path) => paths.includes(path),
    list: (folder) => {
      const below = paths.filter((path) => path.startsWith(`${folder}/`));
      return [...new Set(below.map((path) => path.slice(folder.length + 1).split("/", 1)[0]))];
    },
  };
}

/** The loader takes these paths and says that others are missing. */
function loaderOf(paths: readonly string[]): { load: (path: string) => void; loaded: string[] } {
  const loaded: string[] = [];
  const load = (path: string): void => {
    if (!paths.includes(path)) throw new Error(`${path}: cannot open shared object file\nand more`);
    loaded.push(path);
  };
  return { load, loaded };
}

describe("placesFrom", () => {
  it("reads folders and settings, and ignores what is no absolute path", () => {
    const places = placesFrom({
      CUDA_HOME: "/opt/cuda-12",
      PATH: "/a/bin:/b/bin::relative",
      VIRTUAL_ENV: "/venv",
      CONDA_PREFIX: "/conda",
      HEPHAESTUS_NVRTC: "/x/libnvrtc.so.12",
      HEPHAESTUS_CUBLASLT: "",
    });
    expect(places).toMatchObject({
      explicit: { nvrtc: "/x/libnvrtc.so.12" },
      toolkits: ["/opt/cuda-12"],
      programs: ["/venv/bin", "/a/bin", "/b/bin"],
      conda: ["/conda"],
    });
    expect(placesFrom({})).toMatchObject({ explicit: {}, toolkits: [], programs: [], conda: [] });
  });
});

describe("candidates", () => {
  it("looks in the loader's folders, toolkits, Python packages, conda and the driver's folders, in this order", () => {
    const view = viewOf([
      "/usr/local/cuda-12.4/lib64/x",
      "/usr/local/cuda/lib64/x",
      "/usr/local/curl/x",
      "/venv/bin/python3",
      "/venv/lib/python3.11/site-packages/nvidia/cu13/lib/x",
      "/venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib/x",
      "/home/ada/.local/lib/python3.10/site-packages/nvidia/cu13/lib/x",
      "/usr/local/lib/python3.9/dist-packages/nvidia/cu13/lib/x",
      "/no-python/bin/perl",
      "/no-python/lib/python3.11/site-packages/nvidia/cu13/lib/x",
    ]);
    const programs = ["/venv/bin", "/no-python/bin"];
    const found = candidates("nvrtc", { ...NOWHERE, toolkits: ["/tk"], programs, conda: ["/conda"] }, view, [13]);
    expect(found.map((path) => (path.startsWith("/") ? dirname(path) : path)).slice(0, 15)).toEqual([
      ...["libnvrtc.so.13", "/tk/lib64", "/tk/lib", "/usr/local/cuda/lib64", "/usr/local/cuda/lib"],
      ...["/usr/local/cuda-12.4/lib64", "/usr/local/cuda-12.4/lib", "/opt/cuda/lib64", "/opt/cuda/lib"],
      ...["cu13", "cuda_nvrtc"].map((part) => `/venv/lib/python3.11/site-packages/nvidia/${part}/lib`),
      "/home/ada/.local/lib/python3.10/site-packages/nvidia/cu13/lib",
      "/usr/local/lib/python3.9/dist-packages/nvidia/cu13/lib",
      ...["/conda/lib", "/usr/lib/x86_64-linux-gnu"],
    ]);
    expect(new Set(found).size).toBe(found.length);
  });

  it("prefers the newest version, or the one asked for", () => {
    const bare = (majors?: readonly number[]): string[] =>
      candidates("cublasLt", NOWHERE, viewOf([]), majors).filter((path) => !path.startsWith("/"));
    expect(bare()).toEqual(["libcublasLt.so.13", "libcublasLt.so.12"]);
    expect(bare([12, 13])).toEqual(["libcublasLt.so.12", "libcublasLt.so.13"]);
    expect(bare([12])).toEqual(["libcublasLt.so.12"]);
  });

  it("tries nothing but what was named: a file, or a folder", () => {
    const of = (nvrtc: string): string[] => candidates("nvrtc", { ...NOWHERE, explicit: { nvrtc } }, viewOf([]));
    expect(of("/x/libnvrtc.so.12")).toEqual(["/x/libnvrtc.so.12"]);
    expect(of("/x/mine.so")).toEqual(["/x/mine.so"]);
    expect(of("/x")).toEqual(["/x/libnvrtc.so.13", "/x/libnvrtc.so.12"]);
  });

  it("never takes the driver from a toolkit, whose library is a stub", () => {
    const found = candidates("driver", { ...NOWHERE, toolkits: ["/tk"], conda: ["/conda"] }, viewOf([]));
    expect(found[0]).toBe("libcuda.so.1");
    expect(found.some((path) => /tk|conda/.test(path))).toBe(false);
  });
});

describe("findLibrary", () => {
  const places = { ...NOWHERE, toolkits: ["/tk"] };

  it("takes the first that exists and loads, its companion before it", () => {
    const paths = ["/tk/lib64/libnvrtc.so.12", "/tk/lib64/libnvrtc-builtins.so.12.4", "/tk/lib64/libnvrtc.so.11"];
    const { load, loaded } = loaderOf(paths);
    const found = findLibrary("nvrtc", { places, view: viewOf(paths), load });
    expect(found).toEqual({ name: "nvrtc", path: "/tk/lib64/libnvrtc.so.12" });
    expect(loaded).toEqual(["/tk/lib64/libnvrtc-builtins.so.12.4", "/tk/lib64/libnvrtc.so.12"]);
  });

  it("leaves the loader's own folders to the loader", () => {
    const { load, loaded } = loaderOf(["libnvrtc.so.12"]);
    expect(findLibrary("nvrtc", { places, view: viewOf([]), load }).path).toBe("libnvrtc.so.12");
    expect(loaded).toEqual(["libnvrtc.so.12"]);
  });

  it("passes over a library that does not load", () => {
    const paths = ["/tk/lib64/libcublasLt.so.13", "/tk/lib/libcublasLt.so.13"];
    const { load } = loaderOf(paths.slice(1));
    expect(findLibrary("cublasLt", { places, view: viewOf(paths), load }).path).toBe(paths[1]);
  });

  it.each([
    ["driver", "the NVIDIA driver was not found", "nvidia-smi"],
    ["nvrtc", "NVRTC, the CUDA compiler was not found", "pip install nvidia-cuda-nvrtc"],
    ["cublasLt", "cuBLASLt was not found", "pip install nvidia-cublas"],
    ["cudnn", "cuDNN was not found", "nvidia-cudnn-cu13"],
  ] as const)("lists every path tried for %s and who supplies it", (name, what, supplier) => {
    const view = viewOf(["/usr/lib64/libcuda.so.1", "/usr/lib64/libcublasLt.so.12"]);
    const { load } = loaderOf([]);
    const error = (() => {
      try {
        return findLibrary(name, { places, view, load });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(UserError);
    const text = String(error);
    expect(text).toContain(what);
    expect(text).toContain(supplier);
    for (const path of candidates(name, places, view)) expect(text).toContain(`${path}: `);
    expect(text).not.toContain("and more");
    if (name === "driver") expect(text).toContain("/usr/lib64/libcuda.so.1: cannot open shared object file");
    else expect(text).toContain("no such file");
  });

  it("loads a real library from a folder that was named", () => {
    using library = stubLibrary("libnvrtc.so.12", PROTOTYPES);
    const explicit = { nvrtc: dirname(library.path) };
    expect(findLibrary("nvrtc", { places: { ...NOWHERE, explicit } }).path).toBe(library.path);
    expect(DISK.exists(library.path)).toBe(true);
    expect(DISK.list("/no/such/folder")).toEqual([]);
  });
});
