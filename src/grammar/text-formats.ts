/*
 * The values of "format" that output can be held to, as regular expressions: all that they match is of the format, and
 * where a format is wider than that, the comment says what is left out.
 */

const hours = '(?:[01][0-9]|2[0-3])';
const sixty = '[0-5][0-9]';
const hex = '[0-9A-Fa-f]';
const byte = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const ipv4 = `(?:${byte}\\.){3}${byte}`;
const h16 = '[0-9A-Fa-f]{1,4}';
const ls32 = `(?:${h16}:${h16}|${ipv4})`;

/** Of the Gregorian calendar, with its leap years. */
const date =
  '(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))' +
  '|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)';

/** RFC 3339, but for leap seconds, and with up to nine digits of a second. */
const time = `${hours}:${sixty}:${sixty}(?:\\.[0-9]{1,9})?(?:Z|[+-]${hours}:${sixty})`;

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const anyLabel = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const amount = '[0-9]{1,9}';

export const textFormats: Readonly<Record<string, string>> = {
  date,
  time,
  'date-time': `${date}T${time}`,
  /** ISO 8601 as in RFC 3339's appendix A; amounts of up to nine digits. */
  duration:
    `P(?:(?:${amount}Y(?:${amount}M(?:${amount}D)?)?|${amount}M(?:${amount}D)?|${amount}D)(?:T(?:${amount}H(?:${amount}M(?:${amount}S)?)?|${amount}M(?:${amount}S)?|${amount}S))?` +
    `|T(?:${amount}H(?:${amount}M(?:${amount}S)?)?|${amount}M(?:${amount}S)?|${amount}S)|${amount}W)`,
  /** RFC 9562: with a version and a variant, or nil, or all ones; validators differ on others. */
  uuid: `${hex}{8}-${hex}{4}-[1-8]${hex}{3}-[89ABab]${hex}{3}-${hex}{12}|0{8}(?:-0{4}){3}-0{12}|[Ff]{8}(?:-[Ff]{4}){3}-[Ff]{12}`,
  ipv4,
  /** RFC 3986, section 3.2.2. */
  ipv6: [
    `(?:${h16}:){6}${ls32}`,
    `::(?:${h16}:){5}${ls32}`,
    `(?:${h16})?::(?:${h16}:){4}${ls32}`,
    `(?:(?:${h16}:){0,1}${h16})?::(?:${h16}:){3}${ls32}`,
    `(?:(?:${h16}:){0,2}${h16})?::(?:${h16}:){2}${ls32}`,
    `(?:(?:${h16}:){0,3}${h16})?::${h16}:${ls32}`,
    `(?:(?:${h16}:){0,4}${h16})?::${ls32}`,
    `(?:(?:${h16}:){0,5}${h16})?::${h16}`,
    `(?:(?:${h16}:){0,6}${h16})?::`,
  ].join('|'),
  /** Of up to three labels, so that it never becomes too long. */
  hostname: `${label}(?:\\.${label}){0,2}`,
  /** RFC 5321 without quoted local parts and addresses of hosts. Lengths are not bounded: that is what `maxLength` is for. */
  email: `${atom}(?:\\.${atom})*@(?:${anyLabel}\\.)+${anyLabel}`,
};
