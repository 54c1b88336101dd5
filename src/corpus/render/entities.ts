/** Character references of HTML: numbers, and the names that descriptions use. */

/** From the HTML standard's table of named character references; others stay as they are written. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ...Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", ensp: " ", emsp: " ", thinsp: " " }),
  ...Object.entries({
    ndash: "–",
    mdash: "—",
    hellip: "…",
    bull: "•",
    middot: "·",
    lsquo: "‘",
    rsquo: "’",
    sbquo: "‚",
  }),
  ...Object.entries({ ldquo: "“", rdquo: "”", laquo: "«", raquo: "»", copy: "©", reg: "®", trade: "™", deg: "°" }),
  ...Object.entries({ times: "×", divide: "÷", plusmn: "±", minus: "−", le: "≤", ge: "≥", ne: "≠", asymp: "≈" }),
  ...Object.entries({ larr: "←", rarr: "→", uarr: "↑", darr: "↓", infin: "∞", micro: "µ", sect: "§", para: "¶" }),
  ...Object.entries({ euro: "€", pound: "£", yen: "¥", cent: "¢", frac12: "½", frac14: "¼", sup2: "²", sup3: "³" }),
  ...Object.entries({ shy: "", zwnj: "", zwj: "", lbrace: "{", rbrace: "}", lsqb: "[", rsqb: "]", lbrack: "[" }),
  ...Object.entries({ ast: "*", lowbar: "_", grave: "`", num: "#", colon: ":", comma: ",", period: ".", sol: "/" }),
]);

const REFERENCE = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z][a-zA-Z0-9]{1,30}));/g;

/** Text with its character references replaced once: `&amp;lt;` becomes `&lt;`. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(REFERENCE, (written: string, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED.get(name) ?? written;
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number.parseInt(decimal, 10);
    const readable =
      code >= 0x20 && code <= 0x10ffff && !(code >= 0x7f && code < 0xa0) && !(code >= 0xd800 && code < 0xe000);
    return readable ? String.fromCodePoint(code) : " ";
  });
}
