/** The user's settings. Stored in the browser; the API key only until the tab is closed. */

const STORE = "voxtide.captions";
const KEY_STORE = "voxtide.key";

/**
 * @typedef {object} Settings
 * @property {string} microphone A device's id; "" for the default.
 * @property {string} model "" for the server's default.
 * @property {string} language ISO 639-1; "" lets the engine decide.
 * @property {string} vocabulary Words to expect, as entered.
 * @property {boolean} hasAutomaticFlush Whether pauses cause a flush.
 * @property {boolean} hasLatencies Whether latencies are shown.
 * @property {"system" | "light" | "dark"} theme
 */

/** @type {Settings} */
const DEFAULTS = {
  microphone: "",
  model: "",
  language: "",
  vocabulary: "",
  hasAutomaticFlush: true,
  hasLatencies: false,
  theme: "system",
};

/** @returns {Settings} */
export function loadSettings() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") };
  } catch {
    return { ...DEFAULTS }; // no storage, or invalid content
  }
}

/** @param {Settings} settings */
export function saveSettings(settings) {
  try {
    localStorage.setItem(STORE, JSON.stringify(settings));
  } catch {
    // Without storage they last as long as the page.
  }
}

/**
 * Words and phrases to expect, each once.
 * @param {string} entered One per line, or separated by commas.
 */
export function phrasesOf(entered) {
  return [...new Set(entered.split(/[\n,，、]/u).map((phrase) => phrase.trim()))].filter(Boolean);
}

/** @returns {string} */
export function loadKey() {
  try {
    return sessionStorage.getItem(KEY_STORE) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} key */
export function saveKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY_STORE, key);
    else sessionStorage.removeItem(KEY_STORE);
  } catch {
    // Likewise.
  }
}
