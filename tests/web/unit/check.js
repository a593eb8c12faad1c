/** Assertions for the tests in this folder. */

/**
 * @param {unknown} actual
 * @param {unknown} expected
 */
export function equal(actual, expected) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

/**
 * @param {unknown} condition
 * @param {string} what
 */
export function check(condition, what) {
  if (!condition) throw new Error(what);
}
