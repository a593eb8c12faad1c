/** What the person chose. Kept by the browser: all but the key until it is changed, the key until the tab is closed. */

const STORE = "voxtide.captions";
const KEY_STORE = "voxtide.key";

/**
 * @typedef {object} Settings
 * @property {string} microphone A device's id; "" for the browser's choice.
 * @property {string} model "" for the server's choice.
 * @property {string} language ISO 639-1; "" lets the engine decide.
 * @property {boolean} hasAutomaticFlush
 * @property {"system" | "light" | "dark"} theme
 */

/** @type {Settings} */
const DEFAULTS = { microphone: "", model: "", language: "", hasAutomaticFlush: true, theme: "system" };

/** @returns {Settings} */
export function loadSettings() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") };
  } catch {
    return { ...DEFAULTS }; // no storage here, or not ours
  }
}

/** @param {Settings} settings */
export function saveSettings(settings) {
  try {
    localStorage.setItem(STORE, JSON.stringify(settings));
  } catch {
    // A browser without storage forgets them with the page.
  }
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
    // As above.
  }
}
