/** The width of text on a screen, as `voxtide` counts it for subtitles. In: text. Out: columns. */

/**
 * East Asian wide characters (UAX 11): scripts and their punctuation, full-width forms, and emoji, without the letters
 * that only make flags in pairs.
 */
const WIDE = new RegExp(
  "[\\u1100-\\u115F\\u2329\\u232A\\u2E80-\\u303E\\u3041-\\u3247\\u3250-\\u4DBF\\u4E00-\\uA4CF\\uA960-\\uA97C" +
    "\\uAC00-\\uD7A3\\uF900-\\uFAFF\\uFE10-\\uFE6B\\uFF01-\\uFF60\\uFFE0-\\uFFE6\\u{16FE0}-\\u{1B2FB}" +
    "\\u{1F200}-\\u{1F265}\\u{20000}-\\u{3FFFD}]|(?![\\u{1F1E6}-\\u{1F1FF}])\\p{Emoji_Presentation}",
  "u",
);

/** Combining marks, and characters that only format. */
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;

/**
 * A wide character takes two columns, a combining mark none.
 * @param {string} text
 */
export function numColumns(text) {
  let num = 0;
  for (const char of text) num += charColumns(char);
  return num;
}

/**
 * Pieces of at most `max` columns. A combining mark stays with its character.
 * @param {string} text
 * @param {number} max
 */
export function chopped(text, max) {
  const pieces = [""];
  let numUsed = 0;
  for (const char of text) {
    const width = charColumns(char);
    if (numUsed + width > max) {
      pieces.push("");
      numUsed = 0;
    }
    pieces[pieces.length - 1] += char;
    numUsed += width;
  }
  return pieces;
}

/** @param {string} char */
function charColumns(char) {
  if (WITHOUT_WIDTH.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}
