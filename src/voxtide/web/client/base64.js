/** Base64 encoding. In: bytes. Out: a string. Knows no browser. */

/** Bytes per call of `fromCharCode`: far fewer than the maximum number of arguments. */
const SLICE_BYTES = 0x2000;

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toBase64(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(at, at + SLICE_BYTES));
  }
  return btoa(binary);
}
