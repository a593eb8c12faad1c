/** The settings' dialog. In: settings. Out: the same as the person wants them, told when one changes. */

/** @import { Settings } from "../app/settings.js" */

import { element } from "./element.js";

/**
 * Languages to choose from: those that engines for many languages know best. The server refuses what its own does not.
 */
const LANGUAGES = "ar cs da de el en es fi fr he hi hu id it ja ko nl no pl pt ro ru sv th tr uk vi zh".split(" ");

export class SettingsView {
  #dialog = /** @type {HTMLDialogElement} */ (element("settings"));
  #microphone = select("microphone");
  #model = select("model");
  #language = select("language");
  #theme = select("theme");
  #automaticFlush = /** @type {HTMLInputElement} */ (element("automatic-flush"));
  #key = /** @type {HTMLInputElement} */ (element("key"));
  #settings;

  /** @type {(settings: Settings, key: string) => void} */
  onChange = () => {};

  /**
   * @param {Settings} settings
   * @param {string} key
   */
  constructor(settings, key) {
    this.#settings = settings;
    const names = new Intl.DisplayNames(["en"], { type: "language" });
    const languages = LANGUAGES.map((code) => /** @type {[string, string]} */ ([code, names.of(code) ?? code]));
    fill(this.#language, "Found by the model", languages.sort(byName), settings.language);
    fill(this.#microphone, "The browser's choice", [], "");
    fill(this.#model, "The server's choice", [], "");
    this.#theme.value = settings.theme;
    this.#automaticFlush.checked = settings.hasAutomaticFlush;
    this.#key.value = key;
    this.#dialog.addEventListener("change", () => this.#read());
    this.#dialog.addEventListener("close", () => this.#read());
  }

  /** @param {"key" | null} focus What to begin with. */
  async open(focus) {
    this.#dialog.showModal();
    if (focus === "key") this.#key.focus();
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const microphones = devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId);
    const named = microphones.map(({ deviceId, label }, index) => {
      return /** @type {[string, string]} */ ([deviceId, label || `Microphone ${index + 1}`]);
    });
    fill(this.#microphone, "The browser's choice", named, this.#settings.microphone);
  }

  /** @param {string[]} models What the server has. */
  showModels(models) {
    fill(
      this.#model,
      "The server's choice",
      models.map((name) => [name, name]),
      this.#settings.model,
    );
  }

  #read() {
    this.#settings = {
      microphone: this.#microphone.value,
      model: this.#model.value,
      language: this.#language.value,
      hasAutomaticFlush: this.#automaticFlush.checked,
      theme: /** @type {Settings["theme"]} */ (this.#theme.value),
    };
    this.onChange(this.#settings, this.#key.value.trim());
  }
}

/** @param {string} id */
function select(id) {
  return /** @type {HTMLSelectElement} */ (element(id));
}

/**
 * @param {HTMLSelectElement} list
 * @param {string} first What "" stands for.
 * @param {[value: string, name: string][]} options
 * @param {string} chosen
 */
function fill(list, first, options, chosen) {
  list.replaceChildren(new Option(first, ""), ...options.map(([value, name]) => new Option(name, value)));
  list.value = options.some(([value]) => value === chosen) ? chosen : "";
}

/**
 * @param {[string, string]} a
 * @param {[string, string]} b
 */
function byName([, a], [, b]) {
  return a.localeCompare(b);
}
