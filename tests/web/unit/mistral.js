import { phrasesOf } from "/web/app/settings.js";
import { appendMessage, readEvent, sessionUrl, settingsMessage } from "/web/client/mistral.js";
import { equal } from "./check.js";

const read = (message) => readEvent(JSON.stringify(message));

export function test_the_url_is_relative_to_the_page() {
  equal(sessionUrl("https://h:8443/stt/?x=1#y"), "wss://h:8443/stt/v1/audio/transcriptions/realtime?interim=true&notices=true");
  equal(sessionUrl("http://h/", "a b"), "ws://h/v1/audio/transcriptions/realtime?model=a+b&interim=true&notices=true");
}

export function test_audio_is_base64() {
  equal(appendMessage(Uint8Array.of(1, 2, 3)), '{"type":"input_audio.append","audio":"AQID"}');
}

export function test_events_are_parsed() {
  equal(read({ type: "session.created", session: {} }), { kind: "created" });
  equal(read({ type: "transcription.text.delta", text: " a" }), { kind: "delta", text: " a", endS: null });
  equal(read({ type: "transcription.text.delta", text: " a", audio_s: 1.5 }).endS, 1.5);
  equal(read({ type: "transcription.text.interim", text: "" }), { kind: "interim", text: "", endS: null });
  equal(read({ type: "transcription.segment", text: "a", start: 0.5, end: 1 }), {
    kind: "segment",
    segment: { text: "a", startS: 0.5, endS: 1 },
  });
  equal(read({ type: "transcription.done", text: "a", segments: [{ text: "a", start: 0, end: 1 }] }), {
    kind: "done",
    text: "a",
    segments: [{ text: "a", startS: 0, endS: 1 }],
  });
}

export function test_notices_are_parsed() {
  const message = { type: "transcription.notice", code: "language_doubted", message: "no English", audio_s: 9.5 };
  equal(read(message), { kind: "notice", code: "language_doubted", message: "no English" });
}

export function test_segments_without_times_are_ignored() {
  equal(read({ type: "transcription.segment", text: "a", start: null, end: null }), null);
  equal(read({ type: "transcription.done", text: "a" }), { kind: "done", text: "a", segments: [] });
}

export function test_errors_are_parsed_in_every_form() {
  equal(read({ type: "error", error: { message: "no", code: 400 } }), { kind: "error", message: "no", status: 400 });
  equal(read({ type: "error", error: { message: { detail: "no" }, code: 3804 } }).message, "no");
  equal(read({ type: "error" }), { kind: "error", message: "", status: 500 });
}

export function test_unknown_messages_are_ignored() {
  for (const data of ["", "{", "null", "1", '{"type":"turn.start"}', "[]", '{"type":7}']) equal(readEvent(data), null);
}

export function test_settings_are_sent_only_if_there_are_any() {
  equal(settingsMessage("", []), null);
  equal(JSON.parse(settingsMessage("de", [])).session, { language: "de" });
  equal(JSON.parse(settingsMessage("", ["Voxtide", "Ever tried"])), {
    type: "session.update",
    session: { context_bias: ["Voxtide", "Ever tried"] },
  });
}

export function test_words_to_expect_are_separated_by_lines_and_commas() {
  equal(phrasesOf(" Voxtide, Ever tried\n\nVoxtide,\r\nWorstward Ho"), ["Voxtide", "Ever tried", "Worstward Ho"]);
  equal(phrasesOf(" ,\n"), []);
}
