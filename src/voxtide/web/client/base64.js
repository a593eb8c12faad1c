/** Bytes become base64, every byte value alike. Knows no browser. */

/** Bytes turned into a string at once: far fewer than the arguments that a call may have. */
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
