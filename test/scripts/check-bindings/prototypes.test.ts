import { describe, expect, it } from "vitest";
import { compareWithHeader } from "../../../scripts/check-bindings/compare.js";
import { type Passed, prototypesOf } from "../../../scripts/check-bindings/prototypes.js";

/** Pieces of C in all the shapes that vendors' headers use. */
const HEADER = `
# 1 "thing.h"
typedef long unsigned int size_t;
typedef enum cudaError_enum { OK = 0, BAD = 1 } Status;
typedef enum { A = 'a', B } Mode;
typedef unsigned long long Pointer_v2;
typedef Pointer_v2 Pointer;
typedef struct Thing_st *Thing;
typedef struct { unsigned long data[8]; } Algorithm;
typedef int (*Callback)(void *data, int code);
typedef unsigned char Identifier[16];
struct Thing_st;
extern Status __attribute__((__nothrow__)) make(Thing *thing, const Algorithm algorithms[], size_t count);
Status run(Thing thing, Pointer at, unsigned int flags, float by, Mode mode, Callback done, int (*other)(int), Identifier id);
const char* nameOf(Status status);
size_t version(void);
static inline Status inlined(Thing thing) { if (thing) { return OK; } return BAD; }
Status texts(const char * const *names, char **out, const char*);
void nothing();
struct Thing_st *first(struct Thing_st *, long long, unsigned short, signed char);
__declspec(dllimport) double half(double value);
`;

function signatureOf(name: string): { result: Passed; parameters: string[] } {
  const prototype = prototypesOf(HEADER).get(name);
  if (prototype === undefined) throw new Error(`${name} was not found`);
  const parameters = prototype.parameters.map((one) => `${one.passed}${one.name === null ? "" : ` ${one.name}`}`);
  return { result: prototype.result, parameters };
}

describe("the parser of declarations", () => {
  it("follows typedefs down to how a value is passed", () => {
    expect(signatureOf("make")).toEqual({
      result: "enum",
      parameters: ["pointer thing", "pointer algorithms", "uint64 count"],
    });
    expect(signatureOf("run").parameters).toEqual([
      ...["pointer thing", "uint64 at", "uint32 flags", "float by", "enum mode"],
      ...["pointer done", "pointer other", "pointer id"],
    ]);
  });

  it("knows texts, no parameters, parameters without names, and every width", () => {
    expect(signatureOf("nameOf")).toEqual({ result: "char*", parameters: ["enum status"] });
    expect(signatureOf("version")).toEqual({ result: "uint64", parameters: [] });
    expect(signatureOf("nothing")).toEqual({ result: "void", parameters: [] });
    expect(signatureOf("texts").parameters).toEqual(["char** names", "char** out", "char*"]);
    expect(signatureOf("first")).toEqual({ result: "pointer", parameters: ["pointer", "int64", "uint16", "int8"] });
    expect(signatureOf("half")).toEqual({ result: "double", parameters: ["double value"] });
  });

  it("passes over functions with a body and everything that is no function", () => {
    expect([...prototypesOf(HEADER).keys()]).toEqual([
      ...["make", "run", "nameOf", "version", "texts", "nothing", "first", "half"],
    ]);
  });
});

describe("the comparison", () => {
  const declared = prototypesOf(HEADER);
  const RIGHT = {
    make: "int make(void *thing, const void *algorithms, size_t count)",
    run: "int run(void *thing, uint64_t at, unsigned int flags, float by, int mode, void *done, void *other, void *id)",
    nameOf: "const char *nameOf(int status)",
    version: "size_t version(void)",
    texts: "int texts(const char **names, void *out, const char *last)",
  };

  it("finds nothing wrong with the right prototypes", () => {
    expect(compareWithHeader(RIGHT, declared)).toEqual([]);
  });

  it.each([
    ["another name", { make: "int made(void *thing)" }, "make: its prototype is of made"],
    ["no function of the header", { gone: "int gone(void)" }, "gone: the header has no such function"],
    ["no prototype", { make: "int make" }, 'make: "int make" is not one prototype'],
    [
      "a parameter too few",
      { make: "int make(void *thing, void *algorithms)" },
      "make: 2 parameters, the header has 3",
    ],
    ["a parameter too many", { version: "size_t version(int x)" }, "version: 1 parameters, the header has 0"],
    ["another result", { version: "int version(void)" }, "version: gives int32, the header says uint64"],
    ["a void result", { nameOf: "void nameOf(int status)" }, "nameOf: gives void, the header says char*"],
    [
      "a narrow integer",
      { make: "int make(void *thing, void *algorithms, int count)" },
      "make: parameter 3 (count) is int32, the header says uint64 (count)",
    ],
    [
      "an integer for a pointer",
      { make: "int make(uint64_t thing, void *algorithms, size_t count)" },
      "make: parameter 1 (thing) is uint64, the header says pointer (thing)",
    ],
    [
      "parameters that changed places",
      { make: "int make(void *algorithms, void *thing, size_t count)" },
      "make: parameter 1 is called algorithms, the header says thing\nmake: parameter 2 is called thing, the header says algorithms",
    ],
    [
      "a text where none is",
      { make: "int make(const char *thing, void *algorithms, size_t count)" },
      "make: parameter 1 (thing) is char*, the header says pointer (thing)",
    ],
    [
      "a sign",
      { nameOf: "const char *nameOf(unsigned int status)" },
      "nameOf: parameter 1 (status) is uint32, the header says enum (status)",
    ],
  ])("reports %s", (_what, table, expected) => {
    expect(compareWithHeader(table as Record<string, string>, declared).join("\n")).toBe(expected);
  });
});
