import { captureProblem, connectionProblem } from "/web/app/problems.js";
import { CaptureError, openMicrophone } from "/web/audio/capture.js";
import { check, equal } from "./check.js";

const ending = (code, status, message = "") => ({
  code,
  wasOpen: true,
  error: status === undefined ? null : { status, message },
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

export function test_what_does_not_is_told_with_its_remedy() {
  equal(connectionProblem(ending(1006, 401)), {
    title: "The server wants an API key.",
    remedy: "Enter one that it knows.",
    isPassing: false,
    action: "key",
  });
  const refused = connectionProblem(ending(1008, 400, "Invalid model: 'x'"));
  equal([refused.isPassing, refused.remedy], [false, "Invalid model: 'x'"]);
  equal(connectionProblem(ending(1006, 403)).isPassing, false);
}
