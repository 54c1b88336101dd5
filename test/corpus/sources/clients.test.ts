/** Generated clients and their declarations: Google's, and any other. Tiny ones of our own in their shapes. */
import { describe, expect, it } from "vitest";
import { DECLARATIONS } from "../../../src/corpus/sources/declarations/declarations.js";
import { GOOGLE_APIS } from "../../../src/corpus/sources/google-apis/google-apis.js";
import { expectNoThrow, readAll } from "./memory-files.js";

const prose = { styles: { prose: 1 } };

const MAIL_TS = `export declare namespace mail_v1 {
    /**
     * Mail API
     *
     * Sends mail.
     */
    export class Mail {
    }
    /**
     * A letter.
     */
    export interface Schema$Letter {
        /**
         * Required. Who gets it. Format: \`{user\\}\`
         */
        to?: string | null;
        /**
         * By name.
         */
        labels?: {
            [key: string]: Schema$Letter;
        } | null;
        kind?: 'note' | 'bill';
        answers?: Schema$Letter[];
    }
    export class Resource$Users$Letters {
        /**
         * Sends a letter.
         * @example
         * \`\`\`js
         * // Before running the sample:
         * \`\`\`
         * @param params - Parameters for request
         */
        send(params: Params$Resource$Users$Letters$Send, options: StreamMethodOptions): Promise<GaxiosResponseWithHTTP2<Readable>>;
        send(params?: Params$Resource$Users$Letters$Send, options?: MethodOptions): Promise<GaxiosResponseWithHTTP2<Schema$Letter>>;
        send(params?: Params$Resource$Users$Letters$Send, options?: MethodOptions): Promise<GaxiosResponseWithHTTP2<Schema$Letter>>;
    }
    export interface Params$Resource$Users$Letters$Send extends StandardParameters {
        /**
         * The user.
         */
        userId?: string;
        /**
         * Request body metadata
         */
        requestBody?: Schema$Letter;
    }
}
`;
const MAIL_JS = `    class Resource$Users$Letters {
        send(paramsOrCallback, optionsOrCallback, callback) {
            const rootUrl = options.rootUrl || 'https://mail.example/';
            const parameters = {
                options: Object.assign({
                    url: (rootUrl + '/v1/{+userId}/letters').replace(/([^:]\\/)\\/+/g, '$1'),
                    method: 'POST',
                }, options),
                requiredParams: ['userId'],
            };
`;
const MAIL = {
  "apis/mail/v1.d.ts": MAIL_TS,
  "apis/mail/v1.js": MAIL_JS,
  "apis/mail/index.d.ts": "",
  "apis/mail/v1beta1.d.ts": MAIL_TS,
};

describe("googleapis", () => {
  it("documents every method once, with its address, without the samples", async () => {
    const { documents } = await readAll(GOOGLE_APIS, MAIL, prose);
    expect(documents.map(({ operation }) => operation)).toEqual(["mail.example mail.users.letters.send"]);
    const { text } = documents[0];
    expect(text).toContain("Sends a letter.");
    expect(text).not.toContain("sample");
    for (const part of [
      "- `userId` (string, required): The user.",
      "- `to` (string, required): Who gets it. Format: `{user",
      "map from string to Letter",
      "one of note, bill",
    ])
      expect(text).toContain(part);
  });

  it("takes the newest version, or all", async () => {
    const all = await readAll(GOOGLE_APIS, MAIL, { ...prose, versions: "all" });
    expect(all.documents.map(({ origin }) => origin)).toEqual([
      "apis/mail/v1.d.ts#mail.users.letters.send",
      "apis/mail/v1beta1.d.ts#mail.users.letters.send",
    ]);
    const names = (versions: readonly string[]) =>
      GOOGLE_APIS.units(
        versions.map((version) => ({ path: `apis/a/${version}.d.ts`, bytes: 1 })),
        {},
      ).map(({ name }) => name);
    expect(names(["v1", "v2beta1"])).toEqual(["a v1"]);
    expect(names(["v1", "v2", "alpha"])).toEqual(["a v2"]);
    expect(names(["v1alpha", "v1beta2", "v1beta1"])).toEqual(["a v1beta2"]);
  });

  it("never throws", async () => {
    await expectNoThrow(GOOGLE_APIS, MAIL, { styles: "all", versions: "all" });
  });
});

const CLIENT = `export declare class BaseRecords extends APIResource {
    /**
     * Creates a record. See {@link Zones}.
     *
     * @param zoneID - The zone.
     * @example
     * client.create("z");
     */
    create(zoneID: string, params: RecordCreateParams, options?: RequestOptions): APIPromise<Record>;
    create(zoneID: string): APIPromise<Record>;
    /** */
    undocumented(): void;
    private hidden(): void;
}
export interface Record {
    /** Its number. */
    id: string;
    kind?: 'A' | 'B' | null;
}
export interface RecordCreateParams {
    /** What it says. */
    content: string;
    ttl?: number;
    tags?: Array<string>;
    meta?: Record<string, unknown>;
}
`;

describe("declarations", () => {
  const settings = { ...prose, host: "api.example", api: "Example API" };

  it("document methods with a comment, once, their parameter objects opened, the client's options left out", async () => {
    const { documents } = await readAll(
      DECLARATIONS,
      { "resources/dns/records.d.ts": CLIENT, "index.js": "x" },
      settings,
    );
    expect(documents.map(({ operation }) => operation)).toEqual(["api.example dns.records.create"]);
    const { text } = documents[0];
    for (const part of [
      "Creates a record.",
      "- `zoneID` (string, required): The zone.",
      "- `content` (string, required): What it says.",
      "- `tags` (list of strings)",
      "- `id` (string, required): Its number.",
      "one of A, B",
    ])
      expect(text).toContain(part);
    expect(text).not.toMatch(/options|client\.create/);
  });

  it("never throw", async () => {
    await expectNoThrow(DECLARATIONS, { "a.d.ts": CLIENT }, { ...settings, styles: "all" });
  });
});
