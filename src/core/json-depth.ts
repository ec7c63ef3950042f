const quote = 0x22;
const backslash = 0x5c;

/**
 * Whether lists and objects of a JSON text are inside of each other more than so many times. Looks at the text before it
 * is parsed: 16 MiB of brackets are some hundred MiB of lists. Strings are skipped at the speed of `indexOf`. What is no
 * JSON gets some answer; the parser tells the rest.
 */
export function isDeeperThan(json: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case quote:
        at = endOfString(json, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > limit) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      default:
    }
  }
  return false;
}

/** Where the string ends that begins here; the text's end when it does not. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let escapes = 0;
    while (json.charCodeAt(end - 1 - escapes) === backslash) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return json.length;
}
