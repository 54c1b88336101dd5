/** The aws-sdk package, as a tiny service of our own in its shapes. */
import { describe, expect, it } from "vitest";
import { AWS_SDK } from "../../../src/corpus/sources/aws/aws-sdk.js";
import { cleanProse, parseDeclarations } from "../../../src/corpus/sources/aws/declarations.js";
import { readService, type Service, type ServiceOperation } from "../../../src/corpus/sources/aws/service.js";
import { requestOf, trajectoryOf } from "../../../src/corpus/sources/aws/trajectory.js";
import { expectNoThrow, readAll } from "./memory-files.js";

const prose = { styles: { prose: 1 } };

const KITCHEN = `declare class KITCHEN extends Service {
  /**
   * Bakes a  Cake .   It takes an hour.   It smells good. 
   */
  bakeCake(params: KITCHEN.Types.BakeCakeRequest, callback?: (err: AWSError, data: KITCHEN.Types.BakeCakeResponse) => void): Request<KITCHEN.Types.BakeCakeResponse, AWSError>;
  /**
   * Bakes a  Cake .   It takes an hour.   It smells good. 
   */
  bakeCake(callback?: (err: AWSError, data: KITCHEN.Types.BakeCakeResponse) => void): Request<KITCHEN.Types.BakeCakeResponse, AWSError>;
  /**
   * Cleans up.
   */
  cleanUp(callback?: (err: AWSError, data: {}) => void): Request<{}, AWSError>;
}
declare namespace KITCHEN {
  export type Flavour = "LEMON"|"PLUM"|string;
  export type FlavourList = Flavour[];
  export type Tags = {[key: string]: String};
  export type String = string;
  export interface Layer {
    /**
     * How thick it is.
     */
    Height?: Double;
    Inside?: Layer;
  }
  export type Double = number;
  export type Layers = Layer[];
  export interface BakeCakeRequest {
    /**
     * What it tastes of.
     */
    Flavours?: FlavourList;
    /**
     * Who it is for.
     */
    Name: String;
    Layers?: Layers;
    Labels?: Tags;
    Due?: Date;
    Photo?: Buffer|Uint8Array|Blob|string;
  }
  export interface BakeCakeResponse {
    /**
     * The cake's number.
     */
    CakeId?: String;
  }
}`;
const EXAMPLE = {
  title: "To bake a cake",
  description: "The following example bakes a cake for <code>Ann</code>.",
  input: { Name: "Ann", Layers: [{ Height: 2 }] },
  output: { CakeId: "c-17", Cert: "x".repeat(900), List: [1, 2, 3, 4, 5, 6] },
};
const MODEL = {
  metadata: { serviceFullName: "Amazing Kitchen", endpointPrefix: "kitchen" },
  operations: { BakeCake: { http: { method: "PUT", requestUri: "/cakes/{Name}" } }, CleanUp: {}, NotDeclared: {} },
};
const AWS_FILES = {
  "clients/kitchen.d.ts": KITCHEN,
  "clients/kitchen.js":
    "require('../apis/kitchen-2014-01-01.min.json');\nrequire('../apis/kitchen-2015-01-01.min.json');\nmodule.exports = AWS.KITCHEN;",
  "apis/kitchen-2015-01-01.min.json": JSON.stringify(MODEL),
  "apis/kitchen-2015-01-01.examples.json": JSON.stringify({ examples: { BakeCake: [EXAMPLE] } }),
};

const service = readService({
  client: AWS_FILES["clients/kitchen.js"],
  declarations: KITCHEN,
  model: AWS_FILES["apis/kitchen-2015-01-01.min.json"],
  examples: AWS_FILES["apis/kitchen-2015-01-01.examples.json"],
}) as Service;
const bake = service.operations[0] as ServiceOperation;

describe("aws-sdk", () => {
  it("documents every operation with prose, in the newest model, and gives a trajectory of every example", async () => {
    const { documents, rejected } = await readAll(AWS_SDK, AWS_FILES, prose);
    expect(rejected).toEqual([]);
    expect(documents.map(({ operation, form, origin }) => [operation, form, origin])).toEqual([
      ["kitchen.amazonaws.com BakeCake", "tool-documentation", "clients/kitchen.d.ts#BakeCake"],
      ["kitchen.amazonaws.com BakeCake", "trajectory", "clients/kitchen.d.ts#BakeCake/example-1"],
      ["kitchen.amazonaws.com CleanUp", "tool-documentation", "clients/kitchen.d.ts#CleanUp"],
    ]);
    const [page] = documents.map(({ text }) => text);
    for (const part of [
      "It takes an hour.",
      "Who it is for.",
      "The cake's number.",
      "list of strings, one of LEMON, PLUM",
      "list of Layer objects",
    ])
      expect(page).toContain(part);
    expect(page.indexOf("`Name`")).toBeLessThan(page.indexOf("`Flavours`"));
  });

  it("limits the operations of a service to the number asked for, always the same ones", async () => {
    const { documents } = await readAll(AWS_SDK, AWS_FILES, { ...prose, operations: 1 });
    expect(documents.filter(({ form }) => form === "tool-documentation")).toHaveLength(1);
    expect(await readAll(AWS_SDK, AWS_FILES, { ...prose, operations: 1 })).toEqual({ documents, rejected: [] });
  });

  it("has prose in paragraphs", () => {
    expect(cleanProse("<p>See  Foo , ( bar ) .   Next")).toBe("See Foo, (bar).\nNext");
    expect(parseDeclarations(KITCHEN).operations.get("cleanUp")).toEqual({
      name: "cleanUp",
      prose: "Cleans up.",
      input: null,
      output: null,
    });
  });

  it("rejects clients without a model and models that are no JSON, and never throws", async () => {
    const { "apis/kitchen-2015-01-01.min.json": _, ...rest } = AWS_FILES;
    const broken = { ...rest, "apis/kitchen-2015-01-01.min.json": "{" };
    expect((await readAll(AWS_SDK, broken, prose)).rejected[0].why).toContain("not JSON");
    expect((await readAll(AWS_SDK, { ...AWS_FILES, "clients/kitchen.js": "" }, prose)).rejected[0].why).toContain(
      "no service",
    );
    await expectNoThrow(AWS_SDK, AWS_FILES, { styles: "all" });
  });
});

describe("trajectories of examples", () => {
  const { tools, messages } = trajectoryOf(service, bake, EXAMPLE);

  it("have tools, a request, the call, its result and a closing sentence", () => {
    expect(tools.map(({ name }) => name).sort()).toEqual(["KITCHEN.bakeCake", "KITCHEN.cleanUp"]);
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
    expect(messages[1].toolCalls).toEqual([{ id: null, name: "KITCHEN.bakeCake", arguments: EXAMPLE.input }]);
    expect(JSON.parse(messages[2].content)).toEqual({
      CakeId: "c-17",
      Cert: `${"x".repeat(48)}...`,
      List: [1, 2, 3, 4],
    });
  });

  it.each(["ff00", "ff01", "ff02"])(
    "ask with title or description (draw %s), and tell the values that these leave out",
    (key) => {
      const request = requestOf({ ...EXAMPLE, description: "The following example bakes a cake for Ann." }, bake, key);
      expect(request).toMatch(/bake a cake|bakes a cake for Ann/);
      expect(request).toContain("- Layers[0].Height: 2");
      expect(request).not.toContain("- Name: Ann");
    },
  );

  it.each([
    ["The following create-cake command creates a cake:", "I need a call that creates a cake."],
    ["This example shows how to bake", "I want to bake."],
    ["Cakes are baked. They are good", "Cakes are baked. They are good."],
    ["", "Please use BakeCake."],
  ])("turn the description %j into a request", (description, request) => {
    expect(requestOf({ title: "", description, input: {}, output: {} }, bake, "ff00")).toBe(request);
  });
});
