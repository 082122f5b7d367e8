/** Numbers and sentences as people read them. */

const whole = new Intl.NumberFormat("en");

export const count = (value: number): string => whole.format(value);

/** "1 chip", "2,000 chips". */
export const many = (value: number, one: string, more = `${one}s`): string =>
  `${whole.format(value)} ${value === 1 ? one : more}`;

/** The server's sentences begin small, because programs put them behind others. */
export function sentence(text: string): string {
  const said = text.trim();
  return said && said.charAt(0).toUpperCase() + said.slice(1) + (/[.!?…:]$/.test(said) ? "" : ".");
}

export const percent = (share: number): string => `${Math.round(share * 100)}%`;

export function bytes(value: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let left = value;
  while (left >= 999.5 && unit < units.length - 1) {
    left /= 1000;
    unit++;
  }
  return unit === 0 ? many(value, "byte") : `${left < 10 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`;
}

/** Roughly how long: two digits at most, in the unit that a person would use. */
export function duration(seconds: number): string {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return many(Math.round(seconds), "second");
  if (seconds < 90 * 60) return many(Math.round(seconds / 60), "minute");
  if (seconds < 36 * 3600) return `${(seconds / 3600).toFixed(seconds < 36_000 ? 1 : 0)} hours`;
  return many(Math.round(seconds / 86_400), "day");
}

const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** The day of a picture, in UTC as the archives count it. */
export const dayOf = (iso: string): string => day.format(new Date(iso));

/** When somebody did something, on their own clock. */
export const momentOf = (iso: string): string => moment.format(new Date(iso));

export function daysBetween(first: string | null | undefined, last: string | null | undefined): string {
  if (!first || !last) return "";
  return dayOf(first) === dayOf(last) ? dayOf(first) : `${dayOf(first)} – ${dayOf(last)}`;
}
