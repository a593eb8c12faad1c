import { Recorder } from "/web/app/recorder.js";
import { MeanLevel, SILENCE_DB } from "/web/audio/pcm.js";
import { equal } from "./check.js";

const CHUNK = { pcm: new Uint8Array(2560), levels: [-62, -62, -62, -62] }; // 80 ms

/** A recorder with a source and a server that answers every flush with `text`. */
async function recording(text = "") {
  const recorder = new Recorder();
  const capture = { name: "x.wav", lengthS: null, onChunk: () => {}, onEnd: () => {}, finish: async () => {} };
  let emit = () => {};
  const send = (message) => {
    const { type } = JSON.parse(message);
    if (type.endsWith(".end") || type.endsWith(".flush")) emit({ kind: "done", text, segments: [] });
  };
  const connect = async (onEvent) => {
    emit = onEvent;
    return { canSend: true, send, abort: () => {} };
  };
  await recorder.start(async () => capture, { connect, language: "", vocabulary: [] });
  await new Promise((resolve) => setTimeout(resolve));
  emit({ kind: "created" });
  const notice = (code, message = "") => emit({ kind: "notice", code, message });
  return { recorder, capture, notice, feed: (numS) => repeat(numS / 0.08, () => capture.onChunk(CHUNK)) };
}

const repeat = (num, act) => Array.from({ length: Math.ceil(num) }, act);
const idle = (recorder) =>
  new Promise((resolve) => {
    recorder.onChange = () => recorder.state === "idle" && resolve(recorder.problem?.title ?? null);
  });

export async function test_a_recording_without_speech_is_reported() {
  const { recorder, capture, feed } = await recording();
  feed(1);
  const ended = idle(recorder);
  capture.onEnd(null);
  equal(await ended, "No speech found in x.wav (level -62 dBFS).");
}

export async function test_a_long_silence_of_a_microphone_is_reported_but_a_short_one_is_not() {
  for (const [numS, title] of [[9, null], [10, "No speech found in x.wav (level -62 dBFS)."]]) {
    const { recorder, feed } = await recording();
    feed(numS);
    const ended = idle(recorder);
    recorder.stop();
    equal(await ended, title);
  }
}

export async function test_a_recording_with_text_is_not_reported() {
  const { recorder, capture, feed } = await recording("Ever tried.");
  feed(1);
  const ended = idle(recorder);
  capture.onEnd(null);
  equal([await ended, recorder.transcript.segments.length], [null, 1]);
}

export async function test_a_notice_is_shown_once_per_recording() {
  const { recorder, capture, notice, feed } = await recording("Ever tried.");
  const title = () => recorder.problem?.title ?? null;
  notice("speech_untranscribed");
  equal(title(), "Some speech has no text.");
  notice("language_doubted", "it may not be English");
  equal([title(), recorder.problem.remedy], ["The text may be nonsense.", "It may not be English."]);
  recorder.dismissProblem();
  notice("language_doubted");
  notice("speech_untranscribed");
  equal(title(), null);
  notice("new_code", "news");
  notice("speech_untranscribed");
  equal([title(), recorder.problem.remedy], ["The server reports:", "news"]);
  feed(1);
  const ended = idle(recorder);
  capture.onEnd(null);
  equal(await ended, "The server reports:");
}

export async function test_times_continue_after_restored_text() {
  const { recorder, capture, feed } = await recording("Ever tried.");
  feed(1);
  const ended = idle(recorder);
  capture.onEnd(null);
  await ended;
  equal(recorder.restore([{ text: "Earlier.", startS: 0, endS: 60 }], 65.5), true);
  equal([recorder.audioS, recorder.transcript.segments.length], [65.5, 1]);
}

export async function test_no_text_is_restored_while_recording() {
  const { recorder } = await recording();
  equal([recorder.restore([{ text: "Earlier.", startS: 0, endS: 60 }], 65.5), recorder.transcript.isEmpty], [false, true]);
}

export async function test_stop_while_the_microphone_is_awaited_withdraws_the_start() {
  const recorder = new Recorder();
  const { promise, resolve } = Promise.withResolvers();
  let numFinished = 0;
  let numConnections = 0;
  const connect = async () => {
    numConnections++;
    return null;
  };
  const started = recorder.start(() => promise, { connect, language: "", vocabulary: [] });
  recorder.stop();
  equal(recorder.state, "idle");
  resolve({ finish: async () => numFinished++ }); // the user allows it
  await started;
  equal([recorder.state, numFinished, numConnections], ["idle", 1, 0]);
  const refused = recorder.start(() => Promise.reject(new Error("denied")), { connect, language: "", vocabulary: [] });
  recorder.stop();
  await refused;
  equal([recorder.state, recorder.problem], ["idle", null]);
}

export async function test_the_last_audio_of_a_recording_is_not_part_of_the_next() {
  const { recorder, capture, feed } = await recording();
  const { onChunk } = capture;
  feed(1);
  const ended = idle(recorder);
  recorder.stop();
  await ended;
  const { audioS } = recorder;
  const next = { ...capture, onChunk: () => {} };
  await recorder.start(async () => next, { connect: async () => null, language: "", vocabulary: [] });
  capture.onChunk(CHUNK);
  equal([recorder.audioS, capture.onChunk === onChunk], [audioS, false]);
  next.onChunk(CHUNK);
  equal(recorder.audioS > audioS, true);
}

export function test_the_level_is_the_mean_power() {
  const level = new MeanLevel();
  equal(level.db, SILENCE_DB);
  for (const part of [0, SILENCE_DB]) level.add(part);
  equal(Math.round(level.db * 10), -30);
}
