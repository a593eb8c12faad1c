import { captureProblem, connectionProblem } from "/web/app/problems.js";
import { CaptureError, openMicrophone } from "/web/audio/capture.js";
import { check, equal } from "./check.js";

const ending = (code, status, message = "", name = "") => ({
  code,
  wasOpen: true,
  error: status === undefined ? null : { status, message, code: name },
});

/** What the page says when the browser answers a wish for the microphone like this. */
async function saidWhen(mediaDevices) {
  Object.defineProperty(navigator, "mediaDevices", { value: mediaDevices, configurable: true });
  try {
    await openMicrophone("");
  } catch (error) {
    check(error instanceof CaptureError, `${error}`);
    return captureProblem(error).title;
  } finally {
    delete navigator.mediaDevices;
  }
  return null;
}

const refusing = (name) => ({ getUserMedia: () => Promise.reject(new DOMException("", name)) });

export async function test_a_microphone_that_cannot_be_had_is_explained() {
  equal(await saidWhen(undefined), "The browser keeps the microphone from this page.");
  equal(await saidWhen(refusing("NotAllowedError")), "The microphone is not allowed.");
  equal(await saidWhen(refusing("NotFoundError")), "There is no microphone.");
  equal(await saidWhen(refusing("OverconstrainedError")), "There is no microphone.");
  equal(await saidWhen(refusing("NotReadableError")), "The microphone does not answer.");
}

export function test_what_passes_is_waited_for() {
  for (const passing of [
    ending(1001),
    ending(1006),
    ending(1006, 0, "TypeError: Failed to fetch"),
    ending(1011, 500, "the server failed"),
    ending(1013),
    ending(1013, 503),
    ending(1013, 408),
    ending(1006, 429),
  ]) {
    check(connectionProblem(passing).isPassing, JSON.stringify(passing));
  }
}

export function test_why_there_is_no_session_is_told_apart() {
  const told = [
    [ending(1006, 503, "all 8 sessions are taken", "capacity"), "The server is full.", "All 8 sessions are taken."],
    [ending(1006, 503, "the engine is being restarted", "unavailable"), "The server is not ready.", "restarted."],
    [ending(1006, 429, "try again in 5 s"), "Too many sessions were opened from here.", "Try again in 5 s."],
    [ending(1006, 426, "sessions are WebSockets"), "WebSockets do not reach the server.", "a proxy"],
    [ending(1006, 502), "The server cannot be reached.", "in its place"],
    [ending(1006, 0, "TypeError: Failed to fetch"), "The server cannot be reached.", "is kept"],
    [ending(1006, 500, "internal error"), "The server failed.", "is kept"],
    [ending(1006, 403, "pages of 'x' may not connect"), "The server does not let this page in.", "Pages of 'x'"],
  ];
  for (const [end, title, remedy] of told) {
    const problem = connectionProblem(end);
    equal(problem.title, title);
    check(problem.remedy.includes(remedy), problem.remedy);
  }
}

export function test_what_does_not_is_told_with_its_remedy() {
  equal(connectionProblem(ending(1006, 401)), {
    title: "The server wants an API key.",
    remedy: "Enter one that it knows.",
    isPassing: false,
    action: "key",
  });
  const refused = connectionProblem(ending(1008, 400, "Invalid model: 'x'"));
  equal([refused.isPassing, refused.remedy], [false, "Invalid model: 'x'."]);
  equal(connectionProblem(ending(1006, 403)).isPassing, false);
}
