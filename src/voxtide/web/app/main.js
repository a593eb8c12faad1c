/** Assembles the page. In: clicks, files, browser events. Out: a running recorder, and views that show it. */

import { openFile, openMicrophone } from "../audio/capture.js";
import { edited } from "../text/edit.js";
import { toJson, toSrt, toTxt, toVtt } from "../text/writers.js";
import { EditorView } from "../view/editor_view.js";
import { element } from "../view/element.js";
import { NoticeView } from "../view/notice_view.js";
import { connectSaveMenu } from "../view/save_menu.js";
import { SessionsView } from "../view/sessions_view.js";
import { SettingsView } from "../view/settings_view.js";
import { StatusView } from "../view/status_view.js";
import { TranscriptView } from "../view/transcript_view.js";
import { Waves } from "../view/waves.js";
import { listModels, openConnection } from "../client/access.js";
import { copyText, saveText } from "./export.js";
import { Recorder } from "./recorder.js";
import { Sessions } from "./sessions.js";
import { loadKey, loadSettings, phrasesOf, saveKey, saveSettings } from "./settings.js";
import { ScreenLock } from "./wake_lock.js";

/** How long a button confirms its action. */
const CONFIRM_MS = 1500;

const recorder = new Recorder();
const transcriptView = new TranscriptView();
const statusView = new StatusView();
const waves = new Waves();
const screenLock = new ScreenLock();
let settings = loadSettings();
let key = loadKey();
/** Whether the server's model can use words to expect, as far as is known. */
let canUseVocabulary = true;
const settingsView = new SettingsView(settings, key);
const noticeView = new NoticeView("notice");
const notices = { notice: noticeView, lossNotice: new NoticeView("loss-notice") };
const sessions = new Sessions(recorder, notices, () => ({ model: settings.model, language: settings.language }));
const sessionsView = new SessionsView(sessions);
const editorView = new EditorView();

/** Access to the server, by the current settings. */
const access = () => ({ base: document.baseURI, model: settings.model, key });

/** Whether a recording can begin: a dialog may hold an edit of the text. */
const canStart = () => !recorder.isActive && !editorView.isOpen && !document.querySelector("dialog[open]");

/** @param {() => Promise<import("../audio/capture.js").Capture>} openCapture */
function start(openCapture) {
  if (!canStart()) return;
  transcriptView.follow();
  noticeView.hide(); // an undo would replace the new text
  recorder.start(openCapture, {
    connect: (onEvent, onClose) => openConnection(access(), onEvent, onClose),
    language: settings.language,
    vocabulary: canUseVocabulary ? phrasesOf(settings.vocabulary) : [],
  });
}

function applySettings() {
  recorder.hasAutomaticFlush = settings.hasAutomaticFlush;
  statusView.showLatencies(settings.hasLatencies);
  document.documentElement.dataset.theme = settings.theme;
  waves.redraw();
}

/** @param {"key" | null} focus */
async function openSettings(focus) {
  settingsView.open(focus);
  settingsView.showModels(await readModels());
}

/** The server's models; if it does not answer, only the default can be chosen. */
async function readModels() {
  const models = await listModels(access()).catch(() => ({ names: [], canUseVocabulary }));
  canUseVocabulary = models.canUseVocabulary;
  return models;
}

/** Whether a draw is scheduled; there is at most one per frame. */
let isDrawing = false;
recorder.onChange = () => {
  screenLock.keepOn(recorder.isActive);
  sessions.noteChange();
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    transcriptView.draw(recorder.transcript);
    statusView.draw(recorder);
  });
};

recorder.onLoudness = (loudness) => {
  waves.addLoudness(loudness);
  statusView.drawClock(recorder);
};

settingsView.onChange = (changed, changedKey) => {
  settings = changed;
  key = changedKey;
  saveSettings(settings);
  saveKey(key);
  applySettings();
};

/**
 * @param {string} id
 * @param {() => unknown} act
 */
const onClick = (id, act) => element(id).addEventListener("click", act);

onClick("start", () => (recorder.isActive ? recorder.stop() : start(() => openMicrophone(settings.microphone))));
onClick("flush", () => recorder.flush());
onClick("open-file", () => element("file").click());
onClick("clear", () => sessions.clear());
onClick("open-sessions", () => sessionsView.open());
onClick("open-settings", () => openSettings(null));
onClick("problem-action", () => openSettings("key"));
onClick("problem-dismiss", () => recorder.dismissProblem());
onClick("edit", () => {
  if (!recorder.isActive) editorView.open(toTxt(recorder.transcript.segments));
});
onClick("copy", async () => {
  element("copy").textContent = (await copyText(toTxt(recorder.transcript.segments))) ? "Copied" : "Not allowed";
  setTimeout(() => (element("copy").textContent = "Copy"), CONFIRM_MS);
});

element("file").addEventListener("change", ({ target }) => {
  const input = /** @type {HTMLInputElement} */ (target);
  const file = input.files?.[0];
  if (file) start(() => openFile(file));
  input.value = ""; // so that the same file can be opened again
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) recorder.flush();
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  if (event.dataTransfer && !canStart()) event.dataTransfer.dropEffect = "none"; // the pointer shows it; no drop follows
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (file) start(() => openFile(file));
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return sessions.saveNow();
  recorder.resume();
  screenLock.keepOn(recorder.isActive);
});
addEventListener("online", () => recorder.reconnect());
addEventListener("offline", () => recorder.reconnect());
addEventListener("pagehide", () => {
  editorView.apply();
  sessions.saveNow();
});
addEventListener("beforeunload", (event) => {
  if (recorder.isActive) event.preventDefault();
});

connectSaveMenu((format) => {
  const { audioS, transcript } = recorder;
  const facts = { language: sessions.language, audioS };
  const write = { txt: toTxt, srt: toSrt, vtt: toVtt, json: toJson }[format];
  saveText(write(transcript.segments, facts), `captions.${format}`);
});
sessions.isEditing = () => editorView.isOpen;
editorView.onEdited = (text) => {
  sessions.replaceText(edited(recorder.transcript.segments, text), "The text was edited.");
};
sessionsView.onOpened = (query) => transcriptView.find(query);

applySettings();
recorder.onChange();
sessions.load();
if (settings.vocabulary) readModels();
