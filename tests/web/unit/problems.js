import { captureProblem, connectionProblem } from "/web/app/problems.js";
import { CaptureError, openMicrophone } from "/web/audio/capture.js";
import { check, equal } from "./check.js";

const closed = (code, status, message = "", name = "") => ({
  code,
  wasOpen: true,
  error: status === undefined ? null : { status, message, code: name },
});

/** The title of the problem shown with these media devices. */
async function titleWith(mediaDevices) {
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

export async function test_an_unavailable_microphone_is_explained() {
  equal(await titleWith(undefined), "Your browser blocks the microphone here: it allows it only over https or on localhost.");
  equal(await titleWith(refusing("NotAllowedError")), "The microphone is not allowed.");
  equal(await titleWith(refusing("NotFoundError")), "There is no microphone.");
  equal(await titleWith(refusing("OverconstrainedError")), "There is no microphone.");
  equal(await titleWith(refusing("NotReadableError")), "The microphone does not respond.");
}

export function test_transient_problems_are_retried() {
  for (const info of [
    closed(1001),
    closed(1006),
    closed(1006, 0, "TypeError: Failed to fetch"),
    closed(1011, 500, "the server failed"),
    closed(1013),
    closed(1013, 503),
    closed(1013, 408),
    closed(1006, 429),
  ]) {
    check(connectionProblem(info).isTransient, JSON.stringify(info));
  }
}

export function test_refusals_are_distinguished() {
  const expected = [
    [closed(1006, 503, "all 8 sessions are taken", "capacity"), "The server is full.", "All 8 sessions are taken."],
    [closed(1006, 503, "the engine is being restarted", "unavailable"), "The server is not ready.", "restarted."],
    [closed(1006, 429, "try again in 5 s"), "Too many sessions were opened from this address.", "Try again in 5 s."],
    [closed(1006, 426, "sessions are WebSockets"), "WebSockets do not reach the server.", "A proxy"],
    [closed(1006, 502), "The server cannot be reached.", "A proxy answers"],
    [closed(1006, 0, "TypeError: Failed to fetch"), "The server cannot be reached.", "is kept"],
    [closed(1006, 500, "internal error"), "The server failed.", "is kept"],
    [closed(1006, 403, "pages of 'x' may not connect"), "The server does not allow this page.", "Pages of 'x'"],
  ];
  for (const [end, title, remedy] of expected) {
    const problem = connectionProblem(end);
    equal(problem.title, title);
    check(problem.remedy.includes(remedy), problem.remedy);
  }
}

export function test_permanent_problems_have_a_remedy() {
  equal(connectionProblem(closed(1006, 401)), {
    title: "This server needs an API key.",
    remedy: "Enter a valid key.",
    isTransient: false,
    action: "key",
  });
  const refused = connectionProblem(closed(1008, 400, "Invalid model: 'x'"));
  equal([refused.isTransient, refused.remedy], [false, "Invalid model: 'x'."]);
  equal(connectionProblem(closed(1006, 403)).isTransient, false);
}
