/**
 * The date that templates see. Templates of the Llama 3 kind write today's date into the system turn; here it is always the same day, so that
 * what is prepared or generated does not depend on when. It is the day those templates name themselves where they are given none.
 */
export const TEMPLATE_DATE = "2024-07-26";

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

const NOW = new Date(`${TEMPLATE_DATE}T00:00:00Z`);

const CODES: Readonly<Record<string, () => string>> = {
  "%": () => "%",
  Y: () => String(NOW.getUTCFullYear()),
  y: () => String(NOW.getUTCFullYear()).slice(-2),
  m: () => twoDigits(NOW.getUTCMonth() + 1),
  d: () => twoDigits(NOW.getUTCDate()),
  "-d": () => String(NOW.getUTCDate()),
  B: () => MONTHS[NOW.getUTCMonth()],
  b: () => MONTHS[NOW.getUTCMonth()].slice(0, 3),
  A: () => DAYS[NOW.getUTCDay()],
  a: () => DAYS[NOW.getUTCDay()].slice(0, 3),
  F: () => TEMPLATE_DATE,
  H: () => twoDigits(NOW.getUTCHours()),
  I: () => twoDigits(NOW.getUTCHours() % 12 || 12),
  p: () => (NOW.getUTCHours() < 12 ? "AM" : "PM"),
  M: () => twoDigits(NOW.getUTCMinutes()),
  S: () => twoDigits(NOW.getUTCSeconds()),
};

/** Python's `strftime` of that day, in the C locale. @throws Error for a code that is not known. */
export function strftimeNow(format: unknown): string {
  return String(format).replace(/%(-?.?)/gsu, (_, code: string) => {
    if (Object.hasOwn(CODES, code)) return CODES[code]();
    throw new Error(`the date code %${code} is not known`);
  });
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
