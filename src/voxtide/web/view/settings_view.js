/** The settings dialog. In: settings. Out: changed settings, by `onChange`. */

/** @import { Settings } from "../app/settings.js" */
/** @import { Models } from "../client/access.js" */

import { element } from "./element.js";

/** The languages that multilingual engines transcribe best. The server refuses those its engine lacks. */
const LANGUAGES = "ar cs da de el en es fi fr he hi hu id it ja ko nl no pl pt ro ru sv th tr uk vi zh".split(" ");

const DEFAULT_MICROPHONE = "Default microphone";
const SERVER_DEFAULT = "Server default";
const VOCABULARY_NOTE = "Names and terms, one per line or separated by commas.";
const NO_VOCABULARY_NOTE = "This server's model cannot use them.";

export class SettingsView {
  #dialog = /** @type {HTMLDialogElement} */ (element("settings"));
  #microphone = select("microphone");
  #model = select("model");
  #language = select("language");
  #vocabulary = /** @type {HTMLTextAreaElement} */ (element("vocabulary"));
  #vocabularyNote = element("vocabulary-note");
  #theme = select("theme");
  #automaticFlush = /** @type {HTMLInputElement} */ (element("automatic-flush"));
  #latencies = /** @type {HTMLInputElement} */ (element("show-latencies"));
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
    fill(this.#language, "Detect automatically", languages.sort(byName), settings.language);
    fill(this.#microphone, DEFAULT_MICROPHONE, [], "");
    fill(this.#model, SERVER_DEFAULT, [], "");
    this.#vocabulary.value = settings.vocabulary;
    this.#theme.value = settings.theme;
    this.#automaticFlush.checked = settings.hasAutomaticFlush;
    this.#latencies.checked = settings.hasLatencies;
    this.#key.value = key;
    this.#dialog.addEventListener("change", () => this.#read());
    this.#dialog.addEventListener("close", () => this.#read());
  }

  /** @param {"key" | null} focus The field to focus, if any. */
  async open(focus) {
    this.#dialog.showModal();
    if (focus === "key") this.#key.focus();
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const microphones = devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId);
    const named = microphones.map(({ deviceId, label }, index) => {
      return /** @type {[string, string]} */ ([deviceId, label || `Microphone ${index + 1}`]);
    });
    fill(this.#microphone, DEFAULT_MICROPHONE, named, this.#settings.microphone);
  }

  /** @param {Models} models The server's. */
  showModels({ names, canUseVocabulary }) {
    fill(
      this.#model,
      SERVER_DEFAULT,
      names.map((name) => [name, name]),
      this.#settings.model,
    );
    this.#vocabulary.disabled = !canUseVocabulary;
    this.#vocabularyNote.textContent = canUseVocabulary ? VOCABULARY_NOTE : NO_VOCABULARY_NOTE;
  }

  #read() {
    this.#settings = {
      microphone: this.#microphone.value,
      model: this.#model.value,
      language: this.#language.value,
      vocabulary: this.#vocabulary.value,
      hasAutomaticFlush: this.#automaticFlush.checked,
      hasLatencies: this.#latencies.checked,
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
 * @param {string} first The label of "".
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
