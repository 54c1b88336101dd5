/** The kinds of sources by name: the only file of the forge that knows them all. */
import type { SourceKind } from "../source-kind.js";

/** Each is given the settings that the plan's schema has checked for its kind. */
export const SOURCE_KINDS: Readonly<Record<string, SourceKind<never>>> = {};
